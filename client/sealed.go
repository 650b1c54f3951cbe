package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulwark/e2e/esdata"
	"bulwark/onem2m"
)

// Data is what a <contentInstance> holds for those who can open it.
type Data struct {
	MediaType string // of Payload, "application/json"
	Payload   []byte

	// Of data that has been opened:
	Class       esdata.Class
	DecryptedBy string   // identifier of the key; "" if it was not encrypted
	VerifiedBy  []string // identifiers of the keys whose signatures verified
}

// DataSecurity says how data is sealed, and what is demanded of data that is
// opened.
type DataSecurity struct {
	// Protection is how Create seals: its keys, and the serialization. Its
	// ContentType is that of the data.
	Protection esdata.Protection
	// Ring holds the keys to open with.
	Ring esdata.Keyring
	// Class is what Open demands; 0 for the class of Protection. Anything else is
	// refused: whoever stores the data could otherwise put less in its place.
	Class esdata.Class
	// Sources are the identifiers of keys of which one has to have signed; none:
	// any key of Ring.
	Sources []string
	// Encoded lets a source say in contentInfo that its payload is in base64
	// inside the envelope. The contentInfo is not protected, so this lets whoever
	// stores the data choose whether the payload is decoded.
	Encoded bool
}

// Errors of data that is opened.
var (
	// ErrNotSealed says that a resource holds no envelope that this version opens:
	// it is in clear, or in XML.
	ErrNotSealed = errors.New("the data is not in an envelope")
	// ErrWeaker says that an envelope is genuine and of another class, or of
	// another source, than was demanded.
	ErrWeaker = errors.New("the data is not protected as demanded")
)

// Sealed reads and writes data that the CSEs store and cannot read, or cannot
// change (End-to-End Security of Data, TS-0003 clause 8.5). It may be used by
// many goroutines.
//
// An envelope proves who sealed a payload, not when, nor for which container: a
// CSE may show an old one, or that of another container. Where that matters the
// payload has to say its time and place.
type Sealed struct {
	client *Client
	s      DataSecurity
}

// Sealed returns a view of the client for protected data.
func (c *Client) Sealed(s DataSecurity) *Sealed {
	if s.Class == 0 {
		s.Class = s.Protection.Class()
	}
	return &Sealed{client: c, s: s}
}

// Create seals data and creates a <contentInstance> with it below a container.
func (d *Sealed) Create(ctx context.Context, container string, data Data) (Resource, error) {
	attrs, err := d.Attributes(data)
	if err != nil {
		return Resource{}, err
	}
	return d.client.Create(ctx, container, onem2m.TypeContentInstance, attrs)
}

// Attributes seals data and returns the attributes of a <contentInstance> that
// holds it, contentInfo and content, for who adds others to them.
func (d *Sealed) Attributes(data Data) (onem2m.Object, error) {
	p := d.s.Protection
	p.ContentType = data.MediaType
	if p.Serialization == 0 {
		p.Serialization = esdata.Compact
	}
	info := data.MediaType + ":0:" + strconv.Itoa(int(p.Serialization))
	if _, err := onem2m.ParseContentInfo(info); err != nil {
		return nil, err
	}
	text, err := esdata.Seal(data.Payload, p)
	if err != nil {
		return nil, err
	}
	return onem2m.Object{{Name: "cnf", Value: onem2m.TextValue(info)}, {Name: "con", Value: onem2m.TextValue(text)}}, nil
}

// Retrieve retrieves a <contentInstance>, such as "cse-in/app/box/la", and opens
// it.
func (d *Sealed) Retrieve(ctx context.Context, to string) (Data, error) {
	r, err := d.client.Retrieve(ctx, to)
	if err != nil {
		return Data{}, err
	}
	return d.Open(r)
}

// Open opens the representation of a <contentInstance>, as Retrieve or a
// notification gives it. It fails with ErrNotSealed, with ErrWeaker, or with an
// error of esdata.
func (d *Sealed) Open(r Resource) (Data, error) {
	cnf, _ := r.Text("cnf")
	info, err := onem2m.ParseContentInfo(cnf)
	if err != nil || info.Security < int(esdata.Compact) || info.Security > int(esdata.JSONBase64) {
		return Data{}, ErrNotSealed
	}
	text, ok := r.Text("con")
	if !ok && info.Security == int(esdata.JSON) {
		text = string(r.Get("con")) // some write the JSON as it is
	}
	envelope, err := esdata.Parse(text, esdata.Serialization(info.Security))
	if err != nil {
		return Data{}, err
	}
	opened, err := envelope.Open(d.s.Ring)
	if err != nil {
		return Data{}, err
	}
	data := Data{MediaType: mediaType(opened.ContentType, info.MediaType), Payload: opened.Payload, Class: opened.Class}
	if k := opened.Decrypted.By; k != nil {
		data.DecryptedBy = k.ID()
	}
	for _, k := range opened.Verified.By {
		data.VerifiedBy = append(data.VerifiedBy, k.ID())
	}
	if err := d.check(data, info); err != nil {
		return Data{}, err
	}
	if info.Encoding != 0 {
		if data.Payload, err = base64.StdEncoding.DecodeString(string(data.Payload)); err != nil {
			return Data{}, fmt.Errorf("the payload is not the base64 that contentInfo says: %w", err)
		}
	}
	return data, nil
}

// check holds opened data against what is demanded.
func (d *Sealed) check(data Data, info onem2m.ContentInfo) error {
	switch {
	case data.Class != d.s.Class:
		return fmt.Errorf("%w: it is %s", ErrWeaker, data.Class)
	case len(d.s.Sources) > 0 && !slices.ContainsFunc(data.VerifiedBy, func(id string) bool { return slices.Contains(d.s.Sources, id) }):
		return fmt.Errorf("%w: none of the demanded sources has signed it", ErrWeaker)
	case info.Encoding != 0 && !d.s.Encoded:
		return fmt.Errorf("%w: contentInfo has the payload decoded, and it is not protected", ErrWeaker)
	}
	return nil
}

// mediaType is that of the envelope, which is protected, else that of
// contentInfo. JOSE leaves "application/" out (RFC 7515 clause 4.1.10).
func mediaType(sealed, told string) string {
	switch {
	case sealed == "":
		return told
	case strings.Contains(sealed, "/"):
		return sealed
	}
	return "application/" + sealed
}
