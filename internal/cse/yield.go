package cse

import "context"

// yieldKey is where a context holds what WithYield was given.
type yieldKey struct{}

// WithYield tells the CSE how to give up the caller's place while a request
// only waits for others: give lets others have it, and what it returns takes
// it back.
func WithYield(ctx context.Context, give func() (resume func())) context.Context {
	return context.WithValue(ctx, yieldKey{}, give)
}

// Yield gives up the caller's place until the returned function is called: what
// waits long for others, a poll above all, keeps nobody out.
func Yield(ctx context.Context) (resume func()) {
	give, ok := ctx.Value(yieldKey{}).(func() func())
	if !ok {
		return func() {}
	}
	return give()
}
