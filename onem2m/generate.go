package onem2m

//go:generate go run ./internal/gen
