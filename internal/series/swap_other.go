//go:build !linux

package series

func swap(a, b string) error { return exchange(a, b) }
