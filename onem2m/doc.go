// Package onem2m is the vocabulary of oneM2M: identifiers and addressing,
// primitives, resource types and their attributes, data types, enumerations,
// response status codes, filter criteria, timestamps and schedules, as defined
// by TS-0001 (architecture) and TS-0004 (protocol), Release 3.
//
// It does no I/O and knows no transport and no store. Its large tables are
// generated from catalogue/*.json (see generate.go).
package onem2m
