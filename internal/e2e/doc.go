// Package e2e drives the whole program the way its users do: it builds strix-build, gives it the miniature upstream and
// lets it work on a real BuildKit, as root.
//
// It holds tests only. It looks at what a user can see (exit codes, output, images, files, processes) and not at how
// the parts did it; the packages' own tests do that.
package e2e
