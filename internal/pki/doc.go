// Package pki is a small certificate authority for development and small
// sites. It makes certificates of the flavours of TS-0003 clause 8.1.2.1 in the
// profile of clause 10.1.1: a root, below it one CA per flavour with critical
// name constraints, so that one that is lost speaks for its flavour alone, and
// below those the certificates of the entities.
//
// Keys are files with mode 0600 in a directory with mode 0700; the package has
// no protection beyond that. It answers no OCSP and serves no certificates.
package pki
