// Package cli is the command line: it turns words and flags into values, calls
// the part of the program that does the work, and turns the outcome into an
// exit status: 0 done, 1 failed, 2 not understood. It has no logic of a CSE.
package cli
