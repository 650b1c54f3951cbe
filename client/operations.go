package client

import (
	"context"
	"strconv"

	"bulwark/onem2m"
)

// Resource is a representation: its root element, "m2m:cnt", and attributes.
type Resource struct {
	Root string
	onem2m.Object
}

// ID returns the resourceID.
func (r Resource) ID() string { s, _ := r.Text("ri"); return s }

// Name returns the resourceName.
func (r Resource) Name() string { s, _ := r.Text("rn"); return s }

// AE describes an application that registers.
type AE struct {
	Name      string   // resourceName; "" lets the CSE choose
	App       string   // App-ID, beginning with N or R
	Points    []string // points of access where it takes notifications
	Reachable bool     // requestReachability
	Labels    []string
}

// Register creates the <AE> of this client below the CSEBase and takes over the
// AE-ID that the CSE assigns. An empty From asks for a registrar-assigned stem.
func (c *Client) Register(ctx context.Context, ae AE) (Resource, error) {
	o := onem2m.Object{{Name: "api", Value: onem2m.TextValue(ae.App)}, {Name: "rr", Value: onem2m.BoolValue(ae.Reachable)}, {Name: "srv", Value: onem2m.TextsValue([]string{c.release})}}
	if ae.Name != "" {
		o.Set("rn", onem2m.TextValue(ae.Name))
	}
	if len(ae.Points) > 0 {
		o.Set("poa", onem2m.TextsValue(ae.Points))
	}
	if len(ae.Labels) > 0 {
		o.Set("lbl", onem2m.TextsValue(ae.Labels))
	}
	from := c.From()
	if from == "" {
		from = "C"
	}
	ty := int64(onem2m.TypeAE)
	r, err := c.resource(ctx, &onem2m.Request{
		Operation: onem2m.Create, To: "-", Type: &ty, From: from, HasFrom: true,
		Content: &onem2m.Content{Name: "m2m:ae", Value: o.Append(nil)},
	})
	if err != nil {
		return Resource{}, err
	}
	if stem, ok := r.Text("aei"); ok {
		c.SetFrom(stem)
	}
	return r, nil
}

// Create makes a resource of a type below parent and returns it as the CSE has
// made it.
func (c *Client) Create(ctx context.Context, parent string, ty onem2m.ResourceType, attrs onem2m.Object) (Resource, error) {
	number := int64(ty)
	root := "m2m:" + strconv.Itoa(int(ty))
	if info := onem2m.TypeByNumber(ty); info != nil {
		root = info.Root
	}
	return c.resource(ctx, &onem2m.Request{
		Operation: onem2m.Create, To: parent, Type: &number,
		Content: &onem2m.Content{Name: root, Value: attrs.Append(nil)},
	})
}

// Retrieve returns the attributes of a resource.
func (c *Client) Retrieve(ctx context.Context, to string) (Resource, error) {
	return c.resource(ctx, &onem2m.Request{Operation: onem2m.Retrieve, To: to})
}

// Update changes attributes; a value of null removes one. root is the root
// element of the resource's type, "m2m:cnt".
func (c *Client) Update(ctx context.Context, to, root string, attrs onem2m.Object) (Resource, error) {
	return c.resource(ctx, &onem2m.Request{
		Operation: onem2m.Update, To: to, Content: &onem2m.Content{Name: root, Value: attrs.Append(nil)},
	})
}

// Delete removes a resource and all below it.
func (c *Client) Delete(ctx context.Context, to string) error {
	_, err := c.resource(ctx, &onem2m.Request{Operation: onem2m.Delete, To: to})
	return err
}

// Discover returns the addresses of the resources below to that match the
// filter and that this originator may discover, one page of them: next is the
// offset to go on with, 0 at the end.
func (c *Client) Discover(ctx context.Context, to string, filter onem2m.FilterCriteria) (addresses []string, next int, err error) {
	usage := int64(1)
	filter.FilterUsage = &usage
	res, err := c.ask(ctx, &onem2m.Request{Operation: onem2m.Retrieve, To: to, Filter: &filter})
	if err != nil {
		return nil, 0, err
	}
	if res.Content != nil {
		addresses, _ = onem2m.TextsOf(res.Content.Value)
	}
	if res.ContentStatus == 1 {
		next = res.ContentOffset
	}
	return addresses, next, nil
}

// resource sends a request and reads the representation in its answer.
func (c *Client) resource(ctx context.Context, req *onem2m.Request) (Resource, error) {
	res, err := c.ask(ctx, req)
	if err != nil || res.Content == nil {
		return Resource{}, err
	}
	o, err := onem2m.ParseObject(res.Content.Value)
	if err != nil {
		return Resource{}, err
	}
	return Resource{Root: res.Content.Name, Object: o}, nil
}

// ask sends a request and makes an error of any status code but success.
func (c *Client) ask(ctx context.Context, req *onem2m.Request) (*onem2m.Response, error) {
	res, err := c.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	return res, Failure(res)
}

// Failure returns the error that a response reports, an *onem2m.Error, or nil
// for a success or an acknowledgement.
func Failure(res *onem2m.Response) error {
	if res.Code.Success() || res.Code.Acknowledgement() {
		return nil
	}
	text := onem2m.StatusName(res.Code)
	if res.Content != nil && res.Content.Name == "m2m:dbg" {
		if debug, ok := onem2m.TextOf(res.Content.Value); ok {
			text += ": " + debug
		}
	}
	return &onem2m.Error{Code: res.Code, Text: text}
}
