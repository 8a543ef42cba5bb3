package kernels

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesOf(t *testing.T) {
	t.Parallel()
	for symbol, want := range map[string]Name{
		"_ZL9mul_mat_qIL9ggml_type12ELi64ELb0EEvPKcPKiS3_S3_PfS4_iiiiiii": {
			Text: "mul_mat_q<(ggml_type)12, 64, false>", Family: "mul_mat_q", Type: "q4_K", Tile: "64, false"},
		"_ZL14flash_attn_extILi128EL9ggml_type1EL9ggml_type8EEvPKc": {
			Text: "flash_attn_ext<128, (ggml_type)1, (ggml_type)8>", Family: "flash_attn_ext", Type: "f16/q8_0", Tile: "128"},
		"_ZL9mul_mat_qIL9ggml_type99EEvPKc": {
			Text: "mul_mat_q<(ggml_type)99>", Family: "mul_mat_q", Type: "ggml_type 99"},
		"_ZN3gpu6detail5scaleIfLi4EEEvPT_":  {Text: "gpu::detail::scale<float, 4>", Family: "gpu::detail::scale", Tile: "float, 4"},
		"_ZN3gpu5arrayIfE4fillILi4EEEvv":    {Text: "gpu::array<float>::fill<4>", Family: "gpu::array::fill", Tile: "4"},
		"_Z5scalePfi":                       {Text: "scale", Family: "scale"},
		"Cijk_Ailk_Bljk_SB_MT64x64x16":      {Text: "Cijk_Ailk_Bljk_SB_MT64x64x16", Family: "Cijk_Ailk_Bljk_SB_MT64x64x16"},
		"_ZL9mul_mat_qIL9ggml_type12E":      {Text: "_ZL9mul_mat_qIL9ggml_type12E", Family: "_ZL9mul_mat_qIL9ggml_type12E"},
		"_ZL4copyIXadL_ZL3addffEEffEvPKT0_": {Text: "copy<&add, float, float>", Family: "copy", Tile: "&add, float, float"},
	} {
		got, err := new(Names).Of(symbol)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", symbol, diff)
		}
	}
}

// FuzzNames: whatever the symbol, it has a name and a family.
func FuzzNames(f *testing.F) {
	f.Add("_ZL9mul_mat_qIL9ggml_type12ELi64ELb0EEvPKcPKiS3_S3_PfS4_iiiiiii")
	f.Add("_ZN3gpu5arrayIfE4fillILi4EEEvv.kd")
	f.Fuzz(func(t *testing.T, symbol string) {
		name, err := new(Names).Of(symbol)
		if err != nil {
			t.Fatal(err)
		}
		if symbol != "" && name.Text == "" {
			t.Errorf("%q has no name", symbol)
		}
	})
}
