// Package prompt holds the texts that models are asked to go on with, all written for this project and in ASCII, which every
// vocabulary has.
//
// It knows no models and cuts nothing.
package prompt

import _ "embed"

//go:embed passage.txt
var passage string

// Passage is a page: prose, a recipe, a line of code, a list.
func Passage() string { return passage }

//go:embed pages.txt
var pages string

// Pages are a few pages of the same kinds, and talk, tables and numbers: more than two batches of 512 tokens in any vocabulary.
func Pages() string { return pages }
