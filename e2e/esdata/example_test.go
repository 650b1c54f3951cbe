package esdata_test

import (
	"bytes"
	"fmt"

	"bulwark/e2e/esdata"
	"bulwark/e2e/keys"
)

// Data for everybody who has a key: here two readers, each with its own.
func Example() {
	secret := func(seed byte) keys.Secret {
		s, err := keys.NewSecret(bytes.Repeat([]byte{seed}, 32)) // in earnest: a registered or derived key
		if err != nil {
			panic(err)
		}
		return s
	}
	first, err := esdata.NewSymmetric("reader1@mef.m2m.example", esdata.A256KW, secret(1))
	if err != nil {
		panic(err)
	}
	second, err := esdata.NewSymmetric("reader2@mef.m2m.example", esdata.A256KW, secret(2))
	if err != nil {
		panic(err)
	}

	content, err := esdata.Seal([]byte(`{"temperature":21.5}`), esdata.Protection{
		Encrypt: []*esdata.Key{first, second}, Serialization: esdata.JSON, ContentType: "application/json",
	})
	if err != nil {
		panic(err)
	}

	envelope, err := esdata.Parse(content, esdata.JSON)
	if err != nil {
		panic(err)
	}
	opened, err := envelope.Open(esdata.NewRing(second))
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s, by %s: %s\n", opened.Class, opened.Decrypted.By.ID(), opened.Payload)
	// Output: encryption only, by reader2@mef.m2m.example: {"temperature":21.5}
}
