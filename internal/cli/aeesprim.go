package cli

// aeESPrim is the group of commands that protect their request.
type aeESPrim struct {
	Protection `embed:""`

	Get    aeGet    `cmd:"" help:"Retrieve a resource, or discover with a query."`
	Create aeCreate `cmd:"" help:"Create a resource."`
	Update aeUpdate `cmd:"" help:"Update a resource."`
	Delete aeDelete `cmd:"" help:"Delete a resource."`
	Notify aeNotify `cmd:"" help:"Send a notification."`
}

// Help is the second part of the help page.
func (*aeESPrim) Help() string {
	return `CSEs on the way can neither read nor change the request, and the target knows who asks. Addresses are written as they are valid at the target.

Example:

    bulwark ae esprim --target /id-mn/- --peer //m2m.example/id-mn --kid lamp1@m2m.example --key-file lamp1.key get /id-mn/cse-mn/data/la`
}
