// Package wire reads and writes the serializations of primitives and their
// content (TS-0004 clause 8): JSON, strict on input and canonical on output, and
// by way of it CBOR and XML. Canonical means compact, no duplicate names, strings
// with as few escapes as possible, numbers as they were written. The package
// knows the parameters of a primitive; what the attributes of a resource are it
// asks package onem2m, and only XML needs to know.
package wire
