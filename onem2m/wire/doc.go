// Package wire reads and writes the JSON serialization of primitives and their
// content (TS-0004 clause 8.4): strict on input, canonical on output. Canonical
// means compact, no duplicate names, strings with as few escapes as possible,
// numbers as they were written. It knows the parameters of a primitive but
// leaves the attributes of resources to package onem2m.
package wire
