"""The testbench of an exported core, and its data."""

from collections.abc import Iterable
from dataclasses import dataclass

from accel.core.buses.registers import RECEIVE_VALID, Register, StatusBit
from accel.export.verilog.recording import FLASH_CYCLES, Recording
from accel.protocol import COUNTER_BITS

SENT, ANSWERED, STEPS = "sent.hex", "answered.hex", "steps.hex"
TESTBENCH = "testbench.v"
_BYTES_A_LINE = 16
_BYTE_CYCLES = 400  # that a byte takes on any of the buses, at most
_SPARE_CYCLES = 100_000
_QUIET_CYCLES = 2_000  # after the last answer, in which nothing more may come


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a testbench is made of: the core's module, its bus, whether it has a flash, the data."""

    module: str
    bus: str
    flash: bool
    recording: Recording


def files(bench: Bench) -> dict[str, str]:
    """The testbench and its data, by their names."""
    steps, sent, answered = bench.recording.steps, 0, 0
    bounds = []
    for step in steps:
        sent, answered = sent + len(step.sent), answered + len(step.answered)
        bounds.append(f"{sent:08x} {answered:08x}")
    return {
        TESTBENCH: _testbench(bench),
        SENT: _hex(step.sent for step in steps),
        ANSWERED: _hex(step.answered for step in steps),
        STEPS: "\n".join(bounds) + "\n",
    }


def _hex(parts: Iterable[bytes]) -> str:
    data = b"".join(parts)
    lines = range(0, len(data), _BYTES_A_LINE)
    return "".join(data[at : at + _BYTES_A_LINE].hex(" ") + "\n" for at in lines)


def _testbench(bench: Bench) -> str:
    recording = bench.recording
    sent = sum(len(step.sent) for step in recording.steps)
    answered = sum(len(step.answered) for step in recording.steps)
    cycles = recording.counters["cycles"]
    limit = (sent + answered) * _BYTE_CYCLES + cycles + _SPARE_CYCLES
    flash = "\n    .flash_dq_i(4'b0000),  // no flash is connected" if bench.flash else ""
    return f"""\
// Loads the program of {recording.network} into {bench.module}, runs it on one input, and compares
// every byte that is answered with what the core's own RTL simulation answered.
//
//     iverilog -g2012 -o testbench.vvp {TESTBENCH} {bench.module}.v && vvp testbench.vvp
//
// Prints PASS or FAIL. {SENT} has the driver's frames, {ANSWERED} the answers; {STEPS} has a line
// for each frame: the bytes sent up to its end, and those answered before the next one is sent.
`timescale 1ns / 1ps

module testbench;
  localparam STEPS = {len(recording.steps)}, SENT = {sent}, ANSWERED = {answered};
  localparam CYCLES = {cycles};  // of the run, as its result has them from this byte on:
  localparam CYCLES_AT = {recording.counters_at};
  localparam WAIT = {FLASH_CYCLES if bench.flash else 0}, QUIET = {_QUIET_CYCLES}, LIMIT = {limit};

  reg clk = 0, rst = 1;
  always #5 clk = ~clk;

  reg [7:0] sent [0:SENT-1], expected [0:ANSWERED-1], received [0:ANSWERED-1];
  reg [31:0] steps [0:2*STEPS-1];
  initial begin
    $readmemh("{SENT}", sent);
    $readmemh("{ANSWERED}", expected);
    $readmemh("{STEPS}", steps);
  end

  integer step = 0, at = 0, got = 0, cycle = 0, quiet = 0;
  wire more = step < STEPS && at < steps[2*step];  // a byte may be sent

  task take(input [7:0] data);  // an answer's byte
    begin
      if (got >= ANSWERED) begin
        $display("FAIL: the core answered %02x after the last answer", data);
        $fatal;
      end
      if (data !== expected[got]) begin
        $display("FAIL: byte %0d of the answers is %02x, not %02x", got, data, expected[got]);
        $fatal;
      end
      received[got] = data;
      got = got + 1;
    end
  endtask

  wire [31:0] counted = {{received[CYCLES_AT+3], received[CYCLES_AT+2], received[CYCLES_AT+1],
    received[CYCLES_AT]}};

  always @(negedge clk) begin
    cycle = cycle + 1;
    if (cycle == 4) rst = 0;
    while (step < STEPS && at == steps[2*step] && got == steps[2*step+1]) step = step + 1;
    quiet = step == STEPS ? quiet + 1 : 0;
    if (quiet == QUIET) begin
      if (counted[{COUNTER_BITS - 1}:0] !== CYCLES) begin
        $display("FAIL: the run took %0d cycles, not %0d", counted[{COUNTER_BITS - 1}:0], CYCLES);
        $fatal;
      end
      $display("PASS: %0d bytes of answers are equal; the run took %0d cycles", got, CYCLES);
      $finish;
    end
    if (cycle == LIMIT) begin
      $display("FAIL: %0d of %0d bytes sent and %0d of %0d answered after %0d cycles",
        at, SENT, got, ANSWERED, cycle);
      $fatal;
    end
  end

{_BUSES[bench.bus](bench.module, flash)}
endmodule
"""


def _axis(module: str, flash: str) -> str:
    return f"""\
  // A byte is offered as long as it is not taken; answers are taken in three of four cycles.
  reg [7:0] s_axis_tdata = 0;
  reg s_axis_tvalid = 0, m_axis_tready = 0;
  wire s_axis_tready, m_axis_tvalid;
  wire [7:0] m_axis_tdata;

  {module} dut (
    .clk(clk), .rst(rst),{flash}
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready)
  );

  reg sending, coming;
  always @(posedge clk) begin
    sending = s_axis_tvalid && s_axis_tready;
    coming = m_axis_tvalid && m_axis_tready;
    if (coming && !rst) take(m_axis_tdata);
    if (sending) at = at + 1;
    s_axis_tvalid <= !rst && cycle > WAIT && more;
    s_axis_tdata <= more ? sent[at] : 8'hxx;
    m_axis_tready <= cycle[1:0] != 0;
  end
"""


def _registers(access: str) -> str:
    """The same for every bus with registers: what comes is taken, then a byte is sent."""
    return f"""\
{access}
  reg [31:0] word;
  initial begin
    while (rst || cycle <= WAIT) @(posedge clk);
    forever begin
      bus_read(4'h{Register.RECEIVE:x}, word);
      if (word[{RECEIVE_VALID}]) take(word[7:0]);
      if (more) begin
        bus_read(4'h{Register.STATUS:x}, word);
        if (word[{StatusBit.OVERRUN:d}]) begin
          $display("FAIL: a byte was lost on its way to the core");
          $fatal;
        end
        if (word[{StatusBit.TRANSMIT_READY:d}]) begin
          bus_write(4'h{Register.TRANSMIT:x}, {{24'h000000, sent[at]}});
          at = at + 1;
        end
      end
    end
  end
"""


def _wishbone(module: str, flash: str) -> str:
    return _registers(f"""\
  reg wb_cyc = 0, wb_stb = 0, wb_we = 0;
  reg [3:0] wb_adr = 0;
  reg [31:0] wb_dat_w = 0;
  wire [31:0] wb_dat_r;
  wire wb_ack;

  {module} dut (
    .clk(clk), .rst(rst),{flash}
    .wb_cyc(wb_cyc), .wb_stb(wb_stb), .wb_we(wb_we), .wb_adr(wb_adr), .wb_sel(4'b1111),
    .wb_dat_w(wb_dat_w), .wb_dat_r(wb_dat_r), .wb_ack(wb_ack)
  );

  task bus_cycle(input we, input [3:0] address, input [31:0] data, output [31:0] answer);
    begin
      wb_cyc <= 1; wb_stb <= 1; wb_we <= we; wb_adr <= address; wb_dat_w <= data;
      @(posedge clk);
      while (!wb_ack) @(posedge clk);
      answer = wb_dat_r;
      wb_cyc <= 0; wb_stb <= 0;
      @(posedge clk);
    end
  endtask

  task bus_read(input [3:0] address, output [31:0] data);
    bus_cycle(0, address, 0, data);
  endtask

  reg [31:0] nothing;
  task bus_write(input [3:0] address, input [31:0] data);
    bus_cycle(1, address, data, nothing);
  endtask
""")


def _axi4lite(module: str, flash: str) -> str:
    return _registers(f"""\
  reg [3:0] s_axi_awaddr = 0, s_axi_araddr = 0;
  reg [31:0] s_axi_wdata = 0;
  reg s_axi_awvalid = 0, s_axi_wvalid = 0, s_axi_bready = 0, s_axi_arvalid = 0, s_axi_rready = 0;
  wire s_axi_awready, s_axi_wready, s_axi_bvalid, s_axi_arready, s_axi_rvalid;
  wire [1:0] s_axi_bresp, s_axi_rresp;
  wire [31:0] s_axi_rdata;

  {module} dut (
    .clk(clk), .rst(rst),{flash}
    .s_axi_awaddr(s_axi_awaddr), .s_axi_awprot(3'b000), .s_axi_awvalid(s_axi_awvalid),
    .s_axi_awready(s_axi_awready), .s_axi_wdata(s_axi_wdata), .s_axi_wstrb(4'b1111),
    .s_axi_wvalid(s_axi_wvalid), .s_axi_wready(s_axi_wready), .s_axi_bresp(s_axi_bresp),
    .s_axi_bvalid(s_axi_bvalid), .s_axi_bready(s_axi_bready), .s_axi_araddr(s_axi_araddr),
    .s_axi_arprot(3'b000), .s_axi_arvalid(s_axi_arvalid), .s_axi_arready(s_axi_arready),
    .s_axi_rdata(s_axi_rdata), .s_axi_rresp(s_axi_rresp), .s_axi_rvalid(s_axi_rvalid),
    .s_axi_rready(s_axi_rready)
  );

  task bus_read(input [3:0] address, output [31:0] data);
    begin
      s_axi_araddr <= address; s_axi_arvalid <= 1; s_axi_rready <= 1;
      @(posedge clk);
      while (!s_axi_arready) @(posedge clk);
      s_axi_arvalid <= 0;
      while (!s_axi_rvalid) @(posedge clk);
      data = s_axi_rdata;
      s_axi_rready <= 0;
      @(posedge clk);
    end
  endtask

  task bus_write(input [3:0] address, input [31:0] data);
    begin
      s_axi_awaddr <= address; s_axi_awvalid <= 1; s_axi_bready <= 1;
      @(posedge clk);
      while (!s_axi_awready) @(posedge clk);
      s_axi_awvalid <= 0;
      s_axi_wdata <= data; s_axi_wvalid <= 1;
      @(posedge clk);
      while (!s_axi_wready) @(posedge clk);
      s_axi_wvalid <= 0;
      while (!s_axi_bvalid) @(posedge clk);
      s_axi_bready <= 0;
      @(posedge clk);
    end
  endtask
""")


_BUSES = {"axis": _axis, "wishbone": _wishbone, "axi4lite": _axi4lite}
