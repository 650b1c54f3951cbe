// Package conformance knows the requirements that Bulwark is built to, which test covers which of them, and how far each
// of them is met.
//
// A requirement has an identifier (C core procedures, B bindings, A authorization, E end-to-end security, S security
// associations, P provisioning), the clause it comes from and its gist in one line; requirements.json holds them and never
// changes an identifier. What is claimed about each stands in state.json and types.json, edited by hand. Which tests cover a
// requirement is read from the test files themselves: from the names of test functions, from the tables they use, and from the
// comments of script tests. The page docs/conformance.md is generated from these; a test of this package fails when the page is out
// of date or when a requirement is called done and has no test.
//
// The package is for the repository's own use: it reads source files, and no part of the running program depends on it.
package conformance

//go:generate go run ./generate
