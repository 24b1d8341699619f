// The block RAM of the ECP5 as FPGA-TN-02204 describes it, as far as we use it. There is no vendor's
// model that is free, and Yosys knows the cell as a black box only; so this proves that address,
// lanes and registers are connected as meant, not that the cell does what its guide says.
module DP16KD (
    input CLKA, CEA, OCEA, WEA, RSTA, CSA0, CSA1, CSA2,
    input CLKB, CEB, OCEB, WEB, RSTB, CSB0, CSB1, CSB2,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8,
    input DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8,
    output DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8,
    output DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter GSR = "ENABLED";

    // The lowest address pins select within the 9 bits of a byte, as the width needs them; of two bytes
    // they say which are written.
    localparam STEP = DATA_WIDTH_A == 18 ? 4 : DATA_WIDTH_A == 9 ? 3 : DATA_WIDTH_A == 4 ? 2 : DATA_WIDTH_A == 2 ? 1 : 0;
    wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [17:0] di = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [1:0] written = DATA_WIDTH_A == 18 ? {ADA1, ADA0} : 2'b11;
    wire [17:0] mask = {{9{written[1]}}, {9{written[0]}}};
    wire selected = ~(CSA0 | CSA1 | CSA2);
    wire [13-STEP:0] word_a = ada[13:STEP], word_b = adb[13:STEP];

    reg [DATA_WIDTH_A-1:0] cells [0:(1 << (14 - STEP)) - 1];
    reg [DATA_WIDTH_A-1:0] read_a, read_b, out_a, out_b;
    always @(posedge CLKA) begin
        if (CEA & selected) begin
            if (WEA) cells[word_a] <= (di[DATA_WIDTH_A-1:0] & mask) | (cells[word_a] & ~mask);
            else read_a <= cells[word_a];
        end
        if (OCEA) out_a <= read_a;
    end
    always @(posedge CLKB) begin
        if (CEB) read_b <= cells[word_b];
        if (OCEB) out_b <= read_b;
    end
    wire [17:0] do_a = REGMODE_A == "OUTREG" ? out_a : read_a;
    wire [17:0] do_b = REGMODE_B == "OUTREG" ? out_b : read_b;
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = do_a;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = do_b;
endmodule
