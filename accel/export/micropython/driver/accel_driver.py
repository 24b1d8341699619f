"""Runs a compiled network on a core, over a UART or SPI: protocol 4 of the link.

For MicroPython, and CPython alike. The program is read from its file a block at a time.

    driver = Driver(Uart(machine.UART(0, 1_000_000, rxbuf=2048)), "program.dat")
    driver.open()
    driver.load()
    answer = driver.infer(sample)
"""

import json
import struct
from array import array

from accel_links import Spi, Uart, now, since, sleep  # noqa: F401 -- links for who imports the driver

try:
    from binascii import crc32
except ImportError:  # of small builds of MicroPython

    def crc32(data, crc=0):
        """As zlib has it."""
        crc ^= 0xFFFFFFFF
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
        return crc ^ 0xFFFFFFFF


ANSWER_MS = 2000  # an answer begins within this time, or is lost
CHECK_MS = 60_000  # the core has checked its flash within this time
SEARCHES, PERSISTENCE = 5, 8  # attempts to find a core, and with one that was found
MOST = 1024  # bytes of a payload
FIRST, RENUMBERED = 1, 128  # numbers begin again with 1: a core that has started anew expects 0
_MAGIC = b"accelpy1"
_WRITE, _RUN, _READ, _INFO, _HELLO, _CHECK, _ABORT = range(1, 8)
_RESULT, _DATA, _INFORMED = 0x82, 0x83, 0x84
_OK, _SPOILT, _UNKNOWN, _EARLY = 0xE0, 0xE1, 0xE2, 0xE3
_RESULT_BYTES, _IDENTITY_BYTES = 14, 16
_WHEN_FREE, _BAND = 0x10, 0x20
_FILL = 0x8000
_UNIT = 128  # bytes of the flash that a location counts
_FLASH = (
    "was not checked in time",
    "",
    "does not answer: there is no chip, or one of another kind",
    "holds no program for this core: write program.bin there",
    "holds a program that is damaged: write program.bin there again",
)
_TYPES = {"int8": "b", "uint8": "B", "float32": "f", "int32": "i", "int64": "i"}


class CoreError(Exception):
    """The core cannot be talked to, or does not do what was asked."""


class StartedAnew(CoreError):
    """The core has lost what was loaded: `Driver.open` and `Driver.load` come next."""

    def __init__(self):
        CoreError.__init__(
            self,
            "the core has started anew and lost what was loaded: check its power; open and load "
            "again",
        )


class NotLoaded(CoreError):
    """The program has not been loaded since the core was found first, or started anew."""


class Fault(Exception):
    """An answer did not come as it should; it is asked for again."""


class Driver:
    """Loads and runs the program of a file. ``retries`` counts what was sent again, ``counters``
    are those of the last run: cycles, busy, waiting for weights and for the drain."""

    def __init__(self, link, path="program.dat"):
        self.link = link
        self.file = open(path, "rb")  # noqa: SIM115 -- read as long as it drives
        if self.file.read(len(_MAGIC)) != _MAGIC:
            raise CoreError(f"{path} is no program of accel export micropython")
        size = struct.unpack("<I", self.file.read(4))[0]
        self.program = json.loads(self.file.read(size))
        self._base = len(_MAGIC) + 4 + size
        self.quiet_ms = max(100, self.program["quiet_ms"])
        self.retries = 0
        self.counters = ()
        self._number = self._expected = self._faults = 0
        self._loaded = False
        self._payload = bytearray(MOST)

    def open(self):
        """Find the core, end what it is at, and check that it is the program's. Also after any
        error."""
        found = None
        self._number = self._faults = 0
        for attempt in range(SEARCHES):
            if attempt:
                self.retries += 1
                self._resynchronise()
            try:
                self._send(_ABORT)
                self._answer(None, ANSWER_MS)
                self._loaded = self._loaded and self._expected != 0  # it has started anew
                found = bytes(self._greet())[:_IDENTITY_BYTES]
                break
            except Fault:
                continue
        if found is None:
            raise CoreError("the core does not answer: check the cable, the rate and the bitstream")
        wanted = bytes(self.program["identity"])
        if found[:4] != wanted[:4]:
            raise CoreError("something else than a core answers: load the bitstream")
        if found[4] != wanted[4]:
            raise CoreError(f"the core speaks protocol {found[4]}, not {wanted[4]}")
        if found != wanted:
            raise CoreError(
                f"the core is a {found[5]}x{found[6]} array of another build than the program's"
            )

    def load(self):
        """Check the flash if the program needs it, and load what lies in memory: once after
        `open`, and again when the core has started anew."""
        self._loaded = False
        if self.program["image"]:
            self._check_flash()
        rows = self.program["rows"]
        for location, size, offset in self.program["chunks"]:
            most = MOST // rows * rows
            for start in range(0, size, most):
                part = memoryview(self._payload)[: min(most, size - start)]
                self.file.seek(self._base + offset + start)
                self.file.readinto(part)
                place = location + start // rows
                self._counted(_WRITE, part, len(part) // rows, rows, place)
        self._loaded = True

    def infer(self, inputs):
        """One inference.

        ``inputs`` are the values of a sample, int8 codes or numbers as the network's input has
        them, in any sequence; or a mapping of such by name, where there are several. Returned is an
        array, or a mapping of arrays. Raises ``StartedAnew`` where the core did meanwhile.
        """
        program = self.program
        if not isinstance(inputs, dict):
            inputs = {program["inputs"][0]: inputs}
        values = {}
        for name in program["inputs"]:
            kind, size = program["tensors"][name]
            if len(inputs[name]) != size:
                raise ValueError(f"{name} must have {size} values, not {len(inputs[name])}")
            values[self._root(name)] = array(_TYPES[kind], inputs[name])
        for step in program["before"]:
            self._compute(step, values)
        stored = self._run([values[self._root(name)] for name in program["sources"]])
        for k, output in enumerate(program["outputs"]):
            values[output["tensor"]] = stored[k]
        for step in program["after"]:
            self._compute(step, values)
        found = {name: values[self._root(name)] for name in program["answers"]}
        return found if len(found) > 1 else found[program["answers"][0]]

    def _root(self, name):
        while name in self.program["same"]:
            name = self.program["same"][name]
        return name

    def _run(self, sources):
        if not self._loaded:
            raise NotLoaded(
                "the program is not loaded, or the core has started anew since: load it"
            )
        program = self.program
        before = len(program["pieces"]) - program["during"]
        for piece in program["pieces"][:before]:
            self._write_piece(piece, sources, None, 0)
        output = program["outputs"][0]
        head = min(output["words"], MOST // output["lanes"])
        asked = self._extension(output["location"], head, output["lanes"], program["limit"])
        number = self._number
        due = (_RESULT, number, _RESULT_BYTES + head * output["lanes"])
        opcode = _RUN | program["run_flags"]
        self._counted(opcode, asked, 0, 1, program["entry"])
        result = None
        for piece in program["pieces"][before:]:
            result = result or self._write_piece(piece, sources, due, program["run_ms"])
        while result is None:
            try:
                result = self._comes(due, ANSWER_MS + program["run_ms"])
            except Fault as fault:
                self._recover(fault)
                self._send(opcode, asked, 0, 1, program["entry"], number)  # nothing runs again
        self._faults = 0
        result = bytes(result)
        self._ended(result[:_RESULT_BYTES])
        if self._number in (0, 255):  # after very many frames
            try:
                self._greet()
            except Fault as fault:
                raise CoreError(f"the core {fault}") from fault
        found, alone = [], False
        for output in program["outputs"]:
            data = result[_RESULT_BYTES:] if not found else b""
            place = array("b")
            channel = self._keep(data, output, place, 0)
            most = MOST // output["lanes"]
            for start in range(len(data) // output["lanes"], output["words"], most):
                count = min(most, output["words"] - start)
                part = self._read(output["location"] + start, count, output["lanes"])
                channel = self._keep(part, output, place, channel)
                alone = True
            found.append(place)
        if alone:
            self._confirm()
        return found

    def _keep(self, data, output, place, channel):
        """Append the values of words, of which some bytes may be none; returns the next channel."""
        channels, lanes = output["channels"], output["lanes"]
        for byte in data:
            if channel < channels:
                place.append(byte - 256 if byte > 127 else byte)
            channel += 1
            if channel >= channels and channel % lanes == 0:
                channel = 0
        return channel

    def _ended(self, data):
        packed = int.from_bytes(data[:13], "little")
        self.counters = tuple((packed >> 26 * k) & 0x3FFFFFF for k in range(4))
        outcome = data[13] >> 4
        if outcome == 2:
            raise CoreError("the core ended the run at its limit of cycles: load the program again")
        if outcome == 4:
            raise CoreError(f"the core's flash {_FLASH[3]}")
        if outcome:
            raise CoreError("somebody else ended the run")

    def _write_piece(self, piece, sources, due, patience):
        """Write an input's words; returns the result of the run if that ends meanwhile."""
        source, lanes, words = sources[piece["source"]], piece["lanes"], piece["words"]
        spans = self._spans(piece["spans"], piece["count"])
        count, fill, place = 0, None, 0
        most = MOST // lanes
        for start in range(0, words, most):
            size = min(most, words - start)
            part = memoryview(self._payload)[: size * lanes]
            for k in range(size * lanes):
                while not count:
                    count, step = next(spans)
                    fill = step & 0xFF if count & _FILL else None
                    place += 0 if count & _FILL else step
                    count &= _FILL - 1
                if fill is None:
                    part[k] = source[place] & 0xFF
                    place += 1
                else:
                    part[k] = fill
                count -= 1
            flags = piece["flags"] & (_WHEN_FREE if not start else 0)
            flags |= piece["flags"] & (_BAND if start + size == words else 0)
            location = piece["location"] + start
            result = self._counted(_WRITE | flags, part, size, lanes, location, due, patience)
            if result is not None:
                return result
        return None

    def _spans(self, offset, count):
        """The runs of bytes that go over the line, read a block at a time."""
        for start in range(0, count, 64):
            self.file.seek(self._base + offset + 4 * start)
            block = self.file.read(4 * min(64, count - start))
            for k in range(0, len(block), 4):
                yield struct.unpack_from("<Hh", block, k)

    def _read(self, location, count, lanes):
        asked = self._extension(location, count, lanes, 0)
        return self._ask(_READ, (_DATA, self._number, count * lanes), asked)

    def _check_flash(self):
        program = self.program
        while True:
            try:
                self._send(_CHECK)
                self._answer(None, ANSWER_MS)
                break
            except Fault as fault:
                self._recover(fault)
        state, start = 0, now()
        while not state and since(start) < CHECK_MS:
            state = self._ask(_INFO, (_INFORMED, self._number, 30))[-1] & 15
            if not state:
                sleep(10)
        if state != 1:
            raise CoreError(f"the core's flash {_FLASH[state]}")
        for at, wanted in program["image"]:
            skipped, rows = at % _UNIT, program["rows"]
            words = (skipped + len(wanted) + rows - 1) // rows
            found = self._read(program["flash"] + at // _UNIT, words, rows)
            if list(found[skipped : skipped + len(wanted)]) != wanted:
                raise CoreError("the core's flash holds another program: write this one's there")

    # Frames and answers.

    def _extension(self, location, count, lanes, limit):
        sized = count | (lanes - 1) << 11
        return struct.pack("<I", location)[:3] + struct.pack("<HB", sized, limit)

    def _send(self, opcode, payload=None, count=0, lanes=1, location=0, number=None):
        number = self._number if number is None else number
        sized = count | (lanes - 1) << 11
        head = struct.pack("<BBHI", opcode, number, sized, location)[:7]
        self.link.write(head + struct.pack("<I", crc32(head)))
        if payload is not None:
            self.link.write(payload)
            self.link.write(struct.pack("<I", crc32(payload)))

    def _answer(self, due, ms):
        """The next answer: its status, and its data if it is what is ``due``: status, number and
        bytes. Raises ``Fault``."""
        first = self.link.first(ms)
        if not first:
            raise Fault("does not answer")
        status, size = first[0], 0
        if due and status == due[0]:
            size = due[2]
        elif not _OK <= status <= _EARLY:
            raise Fault(f"answered {status:02x}")
        rest = memoryview(self.link.read(1 + size + 4, ANSWER_MS))
        if len(rest) != 1 + size + 4:
            raise Fault("answered too little")
        if crc32(rest[:-4], crc32(bytes(first))) != struct.unpack("<I", bytes(rest[-4:]))[0]:
            raise Fault("answered with a wrong CRC")
        if status == _UNKNOWN:
            raise CoreError("the core does not know a request: build its bitstream anew")
        if status >= _OK:
            self._expected = rest[0]
            if not self._expected and self._number not in (0, 255):
                self._loaded = False
                raise StartedAnew
            return status, None
        if rest[0] != due[1]:
            raise Fault("answered another request")
        return status, rest[1:-4]

    def _comes(self, due, ms):
        """The data that are due, acknowledgements aside. Raises ``Fault``."""
        for _ in range(PERSISTENCE):
            status, data = self._answer(due, ms)
            if status < _OK:
                return data
        raise Fault("acknowledges only")

    def _greet(self):
        """Have the core expect the first number next; returns what it says of itself."""
        self._send(_HELLO, number=FIRST)
        data = self._comes((_INFORMED, FIRST, 30), ANSWER_MS)
        self._number, self._expected, self._faults = FIRST, FIRST, 0
        return data

    def _confirm(self):
        """Whether it is still the core that the frames before went to."""
        while True:
            try:
                self._send(_ABORT)
                self._answer(None, ANSWER_MS)
                if self._expected != self._number:
                    raise Fault("expects another frame")
                self._faults = 0
                return
            except Fault as fault:
                self._recover(fault)

    def _ask(self, opcode, due, payload=None):
        while True:
            self._send(opcode, payload)
            try:
                data = self._comes(due, ANSWER_MS)
            except Fault as fault:
                self._recover(fault)
                continue
            self._faults = 0
            return data

    def _counted(self, opcode, payload, count, lanes, location, due=None, patience=0):
        """Send a counted frame until the core has accepted it; returns the result of the run that
        is ``due`` if that comes instead. It may be too early ``patience`` times.

        Numbers begin again after one that was accepted: so it is the same core. It is asked that by
        the frame, which is not executed twice, and not by ABORT, which would forget bands.
        """
        last = self._number >= RENUMBERED and opcode & 15 == _WRITE and due is None
        accepted = [(self._number + 1) % 256]
        while True:
            self._send(opcode, payload, count, lanes, location)
            try:
                status, data = self._answer(due, ANSWER_MS)
                if data is not None:
                    return data
                if status == _EARLY and patience:
                    patience -= 1
                    self.link.silence(1)
                    continue
                if status != _OK or self._expected not in accepted:
                    raise Fault("received a spoilt frame")
                if last:
                    accepted.append(FIRST)  # which was heard, if it is its answer that is lost
                    self._greet()
            except Fault as fault:
                self._recover(fault)
                continue
            self._number, self._faults = self._expected, 0
            return None

    def _recover(self, fault):
        self._faults += 1
        if self._faults == PERSISTENCE:
            raise CoreError(
                f"the core {fault}, {PERSISTENCE} times: check cable, rate and bitstream"
            )
        self.retries += 1
        self._resynchronise()

    def _resynchronise(self):
        """Have both ends drop what is left of a frame and of its answer."""
        self.link.write(bytes(11 + MOST + 4))
        self.link.silence(self.quiet_ms)

    # What the network does outside of the core.

    def _compute(self, step, values):
        from accel_nodes import NODES  # only where there is something to do

        kind, source, target, parameters = step
        values[target] = NODES[kind](self.block, values[source], parameters)

    def block(self, offset, count):
        """Bytes of the program's data."""
        self.file.seek(self._base + offset)
        return self.file.read(count)
