// Package config is the configuration of every Bulwark command that serves:
// one struct, filled from defaults, a TOML file, the environment and flags, in
// this order, the later over the earlier.
//
// It checks values and how they fit together, and says where a wrong one came
// from. It opens no listener and reads none of the files that it names.
// The tags of the struct carry the documentation of each key; the example
// file and the reference page are made from them.
package config
