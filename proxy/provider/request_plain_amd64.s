#include "textflag.h"

// func plainSSE2(p *byte, blocks int) (n int, tops uint64)
//
// Turning bit 1 sets a quote next to the control characters, as in reqStop, so
// that one unsigned comparison finds both.
TEXT ·plainSSE2(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ SI, DI
	MOVQ $0x0202020202020202, AX
	MOVQ AX, X12
	PUNPCKLQDQ X12, X12
	MOVQ $0x2020202020202020, AX
	MOVQ AX, X13
	PUNPCKLQDQ X13, X13
	MOVQ $0x5c5c5c5c5c5c5c5c, AX
	MOVQ AX, X14
	PUNPCKLQDQ X14, X14
	PXOR X15, X15

loop:
	MOVOU (SI), X0
	MOVOU 16(SI), X1
	POR   X0, X15
	POR   X1, X15

	MOVO    X12, X2
	PXOR    X0, X2
	MOVO    X2, X3
	PMINUB  X13, X3
	PCMPEQB X3, X2
	PCMPEQB X14, X0
	POR     X0, X2

	MOVO    X12, X4
	PXOR    X1, X4
	MOVO    X4, X5
	PMINUB  X13, X5
	PCMPEQB X5, X4
	PCMPEQB X14, X1
	POR     X1, X4

	MOVO     X2, X6
	POR      X4, X6
	PMOVMSKB X6, AX
	TESTL    AX, AX
	JNZ      found
	ADDQ     $32, SI
	DECQ     CX
	JNZ      loop
	SUBQ     DI, SI
	JMP      done

found:
	PMOVMSKB X2, AX
	PMOVMSKB X4, BX
	SHLL     $16, BX
	ORL      BX, AX
	BSFL     AX, AX
	SUBQ     DI, SI
	ADDQ     AX, SI

done:
	MOVQ       SI, n+16(FP)
	MOVO       X15, X14
	PUNPCKHQDQ X14, X14
	POR        X14, X15
	MOVQ       X15, AX
	MOVQ       AX, tops+24(FP)
	RET

// func plainAVX2(p *byte, blocks int) (n int, tops uint64)
//
// The same with 32 bytes in a register.
TEXT ·plainAVX2(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ SI, DI
	MOVQ $0x0202020202020202, AX
	VMOVQ AX, X12
	VPBROADCASTQ X12, Y12
	MOVQ $0x2020202020202020, AX
	VMOVQ AX, X13
	VPBROADCASTQ X13, Y13
	MOVQ $0x5c5c5c5c5c5c5c5c, AX
	VMOVQ AX, X14
	VPBROADCASTQ X14, Y14
	VPXOR Y15, Y15, Y15

wide:
	CMPQ CX, $2
	JLT  last
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VPOR    Y0, Y15, Y15
	VPOR    Y1, Y15, Y15

	VPXOR    Y12, Y0, Y2
	VPMINUB  Y13, Y2, Y3
	VPCMPEQB Y3, Y2, Y2
	VPCMPEQB Y14, Y0, Y0
	VPOR     Y0, Y2, Y2

	VPXOR    Y12, Y1, Y4
	VPMINUB  Y13, Y4, Y5
	VPCMPEQB Y5, Y4, Y4
	VPCMPEQB Y14, Y1, Y1
	VPOR     Y1, Y4, Y4

	VPOR      Y2, Y4, Y6
	VPTEST    Y6, Y6
	JNZ       two
	ADDQ      $64, SI
	SUBQ      $2, CX
	JMP       wide

two:
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y4, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	BSFQ      AX, AX
	ADDQ      AX, SI
	JMP       end

last:
	TESTQ CX, CX
	JZ    end
	VMOVDQU   (SI), Y0
	VPOR      Y0, Y15, Y15
	VPXOR     Y12, Y0, Y2
	VPMINUB   Y13, Y2, Y3
	VPCMPEQB  Y3, Y2, Y2
	VPCMPEQB  Y14, Y0, Y0
	VPOR      Y0, Y2, Y2
	VPMOVMSKB Y2, AX
	TESTL     AX, AX
	JNZ       one
	ADDQ      $32, SI
	JMP       end

one:
	BSFL AX, AX
	ADDQ AX, SI

end:
	SUBQ         DI, SI
	MOVQ         SI, n+16(FP)
	VEXTRACTI128 $1, Y15, X14
	VPOR         X14, X15, X15
	VPSHUFD      $0x4e, X15, X14
	VPOR         X14, X15, X15
	VMOVQ        X15, AX
	MOVQ         AX, tops+24(FP)
	VZEROUPPER
	RET
