package main

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// catalogue is what the tables of the specification say, as read from JSON.
type catalogue struct {
	resources  map[string]*resource
	types      map[string]*dataType
	enums      map[string]*enumeration
	status     []statusCode
	parameters parameterFile
}

type resource struct {
	Name            string      `json:"name"`
	Short           string      `json:"short"`
	TypeNumber      int         `json:"typeNumber"`
	Kind            string      `json:"kind"`
	MgmtDefinition  int         `json:"mgmtDefinition"`
	ResourceName    string      `json:"resourceName"`
	AnnouncementOf  string      `json:"announcementOf"`
	Since           string      `json:"since"`
	Instantiable    bool        `json:"instantiable"`
	Announceable    bool        `json:"announceable"`
	InCSEOnly       bool        `json:"inCSEOnly"`
	Parents         []relation  `json:"parents"`
	Children        []relation  `json:"children"`
	Attributes      []attribute `json:"attributes"`
	LaterAttributes []attribute `json:"laterAttributes"`
}

// later reports whether the Release 3 texts don't have the type.
func (r *resource) later() bool { return strings.HasPrefix(r.Since, "R4") }

type relation struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

type attribute struct {
	Long         string         `json:"long"`
	Short        string         `json:"short"`
	Type         string         `json:"type"`
	List         bool           `json:"list"`
	Item         string         `json:"item"`
	Enum         string         `json:"enum"`
	Mult         string         `json:"mult"`
	Access       string         `json:"access"`
	Create       string         `json:"create"`
	Update       string         `json:"update"`
	Announce     string         `json:"announce"`
	Since        string         `json:"since"`
	Pos          int            `json:"pos"`
	NullOnCreate bool           `json:"nullOnCreate"`
	IfPresent    bool           `json:"ifPresent"`
	Default      jsontext.Value `json:"default"`
	Fixed        jsontext.Value `json:"fixed"`
	Min          *int64         `json:"min"`
	Max          *int64         `json:"max"`
	MaxLength    int            `json:"maxLength"`
	Infinite     *int64         `json:"infinite"`
	Unit         string         `json:"unit"`
	later        bool
}

type dataType struct {
	Kind     string   `json:"kind"`
	Form     string   `json:"form"`
	JSON     string   `json:"json"`
	Base     string   `json:"base"`
	Item     string   `json:"item"`
	MinItems int      `json:"minItems"`
	Items    int      `json:"items"`
	Min      *int64   `json:"min"`
	Max      *int64   `json:"max"`
	Values   []string `json:"values"`
	Choice   bool     `json:"choice"`
	Members  []member `json:"members"`
}

type member struct {
	Path     string `json:"path"`
	Long     string `json:"long"`
	Short    string `json:"short"`
	Type     string `json:"type"`
	Mult     string `json:"mult"`
	List     bool   `json:"list"`
	Item     string `json:"item"`
	Enum     string `json:"enum"`
	Repeated bool   `json:"repeated"`
}

type enumeration struct {
	Values  []enumValue `json:"values"`
	Default int64       `json:"default"`
	Bitmask bool        `json:"bitmask"`
	Source  string      `json:"source"`
}

type enumValue struct {
	Value int64  `json:"value"`
	Name  string `json:"name"`
	Void  bool   `json:"void"`
	Later bool   `json:"later"`
}

type statusCode struct {
	Code  int            `json:"code"`
	Name  string         `json:"name"`
	HTTP  int            `json:"http"`
	CoAP  jsontext.Value `json:"coap"`
	Later bool           `json:"later"`
}

type parameterFile struct {
	Request      []parameter     `json:"request"`
	LaterRequest []parameter     `json:"laterRequest"`
	Results      []resultContent `json:"resultContent"`
}

type parameter struct {
	Long       string            `json:"long"`
	Short      string            `json:"short"`
	List       bool              `json:"list"`
	Type       string            `json:"type"`
	Operations map[string]string `json:"operations"`
}

type resultContent struct {
	Value     int64  `json:"value"`
	C         string `json:"C"`
	R         string `json:"R"`
	U         string `json:"U"`
	D         string `json:"D"`
	Discovery string `json:"discovery"`
}

// read reads the five files of the catalogue.
func read(folder string) (*catalogue, error) {
	c := &catalogue{}
	var codes struct {
		Codes []statusCode `json:"codes"`
	}
	for _, file := range []struct {
		name string
		into any
	}{
		{"resources.json", &struct {
			Resources *map[string]*resource `json:"resources"`
		}{&c.resources}},
		{"datatypes.json", &struct {
			Types *map[string]*dataType `json:"types"`
		}{&c.types}},
		{"enums.json", &struct {
			Enums *map[string]*enumeration `json:"enums"`
		}{&c.enums}},
		{"status.json", &codes},
		{"parameters.json", &c.parameters},
	} {
		text, err := os.ReadFile(filepath.Join(folder, file.name))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, file.into); err != nil {
			return nil, err
		}
	}
	c.status = codes.Codes
	return c, nil
}

// names returns the long names of the resource types in order.
func (c *catalogue) names() []string {
	return slices.SortedFunc(maps.Keys(c.resources), func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
}
