// Package house holds the rules of this repository that no compiler and no linter checks, as tests: what the documents must say, how long
// a file may be, which dependencies are explained, and which words do not belong in it. It has no code of its own.
package house
