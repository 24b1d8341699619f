// The bus master outside of the SoC, led by a program on standard input: each command is a letter
// and a byte.
//
//     W byte   write it to the core, once the core takes it
//     R 0      print a byte that the core gives, in hexadecimal, or -- if none comes in time
`timescale 1ns / 1ps

module testbench;
  localparam TRANSMIT = 0, RECEIVE = 1, STATUS = 2, PATIENCE = 100000;

  reg clk = 0, rst = 1;
  always #10 clk = ~clk;

  reg cyc = 0, stb = 0, we = 0;
  reg [29:0] adr = 0;
  reg [31:0] dat_w = 0;
  wire [31:0] dat_r;
  wire ack, err, irq;

  soc dut (
    .clk(clk), .rst(rst), .irq(irq), .master_cyc(cyc), .master_stb(stb), .master_we(we),
    .master_adr(adr), .master_sel(4'b1111), .master_dat_w(dat_w), .master_cti(3'b000),
    .master_bte(2'b00), .master_dat_r(dat_r), .master_ack(ack), .master_err(err)
  );

  task access(input write, input [29:0] register, input [31:0] data, output [31:0] answer);
    begin
      cyc <= 1; stb <= 1; we <= write; adr <= (`CORE >> 2) + register; dat_w <= data;
      @(posedge clk);
      while (!ack) @(posedge clk);
      if (err) begin
        $display("the bus has nobody at %08x", `CORE);
        $fatal;
      end
      answer = dat_r;
      cyc <= 0; stb <= 0;
      @(posedge clk);
    end
  endtask

  integer letter, value, waited;
  reg [31:0] word;
  initial begin
    repeat (4) @(posedge clk);
    rst <= 0;
    @(posedge clk);
    forever begin
      letter = $fgetc(32'h8000_0000);
      value = $fgetc(32'h8000_0000);
      if (letter == "W") begin
        word = 0;
        while (!word[0]) access(0, STATUS, 0, word);
        access(1, TRANSMIT, value, word);
      end else if (letter == "R") begin
        waited = 0;
        word = 0;
        while (!word[8] && waited < PATIENCE) begin
          if (waited == 0 || irq) access(0, RECEIVE, 0, word);
          else @(posedge clk);
          waited = waited + 1;
        end
        if (word[8]) $display("%02x", word[7:0]);
        else $display("--");
        $fflush;
      end else $finish;
    end
  end
endmodule
