//go:build cgo && soak

package ingest

func init() { dieAnywhere = true }
