"""What is on USB is read from the system, and a rule says how it may be used."""

import os

import pytest

from accel import usb


def plug(system, name, **files):
    folder = system / name
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_text(f"{content}\n")


def test_devices_are_read_with_what_they_say_and_whether_they_may_be_used(tmp_path):
    system, nodes = tmp_path / "sys", tmp_path / "dev"
    ids = {"idVendor": "0403", "idProduct": "6010", "busnum": 1}
    plug(system, "1-2", **ids, devnum=7, product="iCEBreaker V1.0e", serial="ib01")
    plug(system, "1-3", **ids, devnum=8)
    plug(system, "1-2:1.0", bInterfaceNumber="00")
    plug(system, "1-4", **ids | {"idVendor": "x"}, devnum=9)
    (nodes / "001").mkdir(parents=True)
    (nodes / "001" / "007").touch()
    first, second = usb.connected(system=system, nodes=nodes)
    assert (first.vid, first.pid, first.product, first.serial_number, first.usable) == (
        0x0403,
        0x6010,
        "iCEBreaker V1.0e",
        "ib01",
        True,
    )
    assert (second.product, second.usable) == (None, False)  # it has no node here
    assert [first.place, second.place] == ["1-2", "1-3"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may use everything")
def test_a_device_without_permission_is_not_usable(tmp_path):
    plug(tmp_path / "sys", "1-2", idVendor="0403", idProduct="6010", busnum=1, devnum=7)
    node = tmp_path / "dev/001/007"
    node.parent.mkdir(parents=True)
    node.touch(mode=0o444)
    (device,) = usb.connected(system=tmp_path / "sys", nodes=tmp_path / "dev")
    assert not device.usable


def test_a_system_that_does_not_tell_is_not_one_without_devices(tmp_path):
    assert usb.connected(system=tmp_path / "none") is None
    (tmp_path / "sys").mkdir()
    assert usb.connected(system=tmp_path / "sys") == []


def test_a_rule_has_a_line_for_each_of_the_numbers():
    rule = usb.udev_rule([(0x1D50, 0x6130), (0x1209, 0x2100)], "tinyfpga_bx")
    assert "/etc/udev/rules.d/60-accel-tinyfpga_bx.rules" in rule
    for numbers in ('idVendor}=="1d50", ATTRS{idProduct}=="6130"', '"1209", ATTRS{idProduct}=="21'):
        assert numbers in rule
    assert rule.count("uaccess") == 2
    assert "udevadm control -R" in rule
