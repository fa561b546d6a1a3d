//go:build ignore

// crop FILE.png OUT.png TOP HEIGHT cuts rows out of a picture and writes them
// with at most 256 colours: the most frequent ones, every other by its nearest.
// A page of text and flat areas loses nothing that is seen.
package main

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"log"
	"os"
	"slices"
	"strconv"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("crop: FILE.png OUT.png TOP HEIGHT")
	}
	top, err := strconv.Atoi(os.Args[3])
	check(err)
	height, err := strconv.Atoi(os.Args[4])
	check(err)
	in, err := os.Open(os.Args[1])
	check(err)
	defer in.Close()
	page, err := png.Decode(in)
	check(err)
	from := image.Rect(0, top, page.Bounds().Dx(), top+height)
	if !from.In(page.Bounds()) {
		log.Fatalf("crop: rows %d to %d are not within a picture of %d", top, top+height, page.Bounds().Dy())
	}
	small := image.NewPaletted(image.Rect(0, 0, from.Dx(), height), frequent(page, from))
	draw.Draw(small, small.Bounds(), page, from.Min, draw.Src)
	out, err := os.Create(os.Args[2])
	check(err)
	check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, small))
	check(out.Close())
}

func check(err error) {
	if err != nil {
		log.Fatalf("crop: %v", err)
	}
}

// frequent are the 256 most frequent colours of a part of m, ties by value.
func frequent(m image.Image, part image.Rectangle) color.Palette {
	count := map[color.RGBA]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			count[color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)]++
		}
	}
	var list []color.RGBA
	for c := range count {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var p color.Palette
	for _, c := range list[:min(len(list), 256)] {
		p = append(p, c)
	}
	return p
}
