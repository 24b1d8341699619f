"""Figures to compare with: the best that others have published, and limits of the chips."""

from accel.bench.figures import Anchor

_MARLANN = "github.com/SymbioticEDA/MARLANN, 2018: 8-bit layers in hand-written assembly"
_CFU = "github.com/google/CFU-Playground, proj/kws_micro_accel: MLPerf Tiny KWS on Fomu"
_SENSAI = "latticesemi.com, CNN Compact Accelerator IP, Radiant 1.0: the IP alone, iCE40UP5K-SG48"
_MLPERF = "MLCommons, MLPerf Tiny results, closed division, single stream: best published"
_MLPERF_PEAK = "computed from " + _MLPERF + " and the design's multipliers"
_BARE = "own measurement: int8 array and buffers alone, no controller, 2-core server"
_GEMMINI = "github.com/ucb-bar/gemmini, Verilator simulation of the SoC"

_UP5K = ("iCE40UP5K",)
_HX8K = ("iCE40HX8K",)
_25F = ("LFE5U-25F", "LFE5U-12F")
_85F = ("LFE5U-85F", "LFE5UM5G-85F")
_SMALL, _LARGE = (1, 31), (32, 1 << 30)  # multiply-accumulates a cycle

_OTHERS = (
    Anchor(figure="fmax", value=29.26, who="MARLANN", source=_MARLANN, devices=_UP5K),
    Anchor(figure="fmax", value=41.762, who="Lattice sensAI", source=_SENSAI, devices=_UP5K),
    Anchor(figure="logic", value=5241, who="CFU-Playground", source=_CFU, devices=_UP5K),
    Anchor(figure="macs_per_cycle", value=12.8, who="MARLANN", source=_MARLANN, devices=_UP5K),
    Anchor(figure="mmacs", value=256, who="MARLANN", source=_MARLANN, devices=_UP5K),
    Anchor(figure="share_of_peak", value=80, who="MARLANN", source=_MARLANN, devices=_UP5K),
    *(
        Anchor(
            figure=figure,
            value=value,
            who="CFU-Playground",
            source=_CFU,
            network="KWS",
            devices=_UP5K,
        )
        for figure, value in (("cycles", 25.19e6), ("latency", 2100.0))
    ),
    Anchor(figure="macs_per_cycle", value=15, who="GAP9 NPU", source=_MLPERF_PEAK, network="KWS"),
    Anchor(
        figure="macs_per_cycle", value=3.1, who="Cortex-M85", source=_MLPERF_PEAK, network="KWS"
    ),
    Anchor(figure="share_of_peak", value=31, who="FPGA, best", source=_MLPERF_PEAK, network="KWS"),
    Anchor(figure="share_of_peak", value=101, who="FPGA, best", source=_MLPERF_PEAK, network="IC"),
)

# Milliseconds by network and who.
_LATENCIES = {
    "KWS": {
        "FPGA, Zynq 7020 with 188 DSP": 0.324,
        "FPGA, Zynq 7020 with 60 DSP": 2.15,
        "Cortex-M85 at 480 MHz": 3.47,
        "GAP9 NPU": 0.476,
        "Syntiant NPU": 1.48,
    },
    "VWW": {
        "FPGA, VCU128": 0.216,
        "FPGA, Zynq 7020": 9.49,
        "Cortex-M85 at 480 MHz": 13.4,
        "GAP9 NPU": 1.13,
        "Syntiant NPU": 4.10,
    },
    "IC": {
        "FPGA, ZC706 with 525 DSP": 0.147,
        "FPGA with 78 DSP": 3.15,
        "Cortex-M85 at 480 MHz": 8.48,
        "GAP9 NPU": 0.616,
        "Syntiant NPU": 5.12,
    },
    "AD": {"Cortex-M85 at 480 MHz": 0.531, "GAP9 NPU": 0.176},
}

# Microjoules an inference of KWS.
_ENERGIES = {"GAP9 NPU": 18.6, "Syntiant NPU": 31.5, "STM32U385": 245.0}

# Chips at 100 % use: the array, for arrays of up to so many multipliers; milliseconds by network.
_LIMITS = (
    ("16 MAC at 48 MHz", _UP5K, (1, 16), {"KWS": 3.46, "VWW": 9.75, "IC": 16.3}),
    ("16 MAC at 48 MHz, flash at 24 MB/s", _UP5K, (1, 32), {"AD": 11.0}),
    ("32 MAC at 48 MHz", _UP5K, (17, 32), {"KWS": 1.7, "VWW": 4.9, "IC": 8.1}),
    ("40 MAC in logic at 150 MHz", _HX8K, (1, 40), {"KWS": 0.44, "VWW": 1.25, "IC": 2.1}),
    (
        "28 DSP at 150 MHz",
        _25F,
        (1, 28),
        {"KWS": 0.63, "VWW": 1.8, "IC": 3.0, "AD": 0.06},
    ),
    (
        "28 DSP and 80 MAC in logic at 110 MHz",
        _25F,
        (29, 108),
        {"KWS": 0.22, "VWW": 0.63, "IC": 1.05, "AD": 0.02},
    ),
    (
        "156 DSP at 100 MHz",
        _85F,
        (1, 156),
        {"KWS": 0.17, "VWW": 0.48, "IC": 0.80, "AD": 0.02},
    ),
)

# Cycles per second of compiled simulators.
_SIMULATORS = (
    ("CXXRTL", _BARE, _SMALL, 8.0e6),
    ("Verilator", _BARE, _SMALL, 7.5e6),
    ("CXXRTL, 16x16", _BARE, _LARGE, 0.3e6),
    ("Verilator, 16x16", _BARE, _LARGE, 0.17e6),
    ("Gemmini on Verilator, 16x16", _GEMMINI, _LARGE, 120e3),
)

ANCHORS: tuple[Anchor, ...] = (
    *_OTHERS,
    *(
        Anchor(figure="latency", value=value, who=who, source=_MLPERF, network=network)
        for network, by_whom in _LATENCIES.items()
        for who, value in by_whom.items()
    ),
    *(
        Anchor(figure="energy", value=value, who=who, source=_MLPERF, network="KWS")
        for who, value in _ENERGIES.items()
    ),
    *(
        Anchor(
            figure="latency",
            value=value,
            who=f"limit: {array}",
            source="computed: the network's MACs at 100 % use of the array, at that clock",
            network=network,
            devices=devices,
            macs=macs,
            limit=True,
        )
        for array, devices, macs, by_network in _LIMITS
        for network, value in by_network.items()
    ),
    *(
        Anchor(figure="rtl_speed", value=value, who=who, source=source, macs=macs)
        for who, source, macs, value in _SIMULATORS
    ),
)
