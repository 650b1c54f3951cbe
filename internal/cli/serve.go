package cli

import (
	"fmt"
	"reflect"

	"bulwark/internal/ops/config"
	"bulwark/internal/ops/logging"
)

// serverFlags are the flags that configure a CSE. A pointer is nil unless the
// flag was given, so that the environment and the file count.
type serverFlags struct {
	Config string `name:"config" placeholder:"FILE" help:"Configuration file (TOML). Also BULWARK_CONFIG."`

	Data        *string `name:"data" placeholder:"DIR" help:"Data directory (default ./bulwark-data)."`
	Store       *string `name:"store" placeholder:"URL" help:"Where resources are stored (default sqlite, in the data directory)."`
	CSEType     *string `name:"cse-type" placeholder:"in|mn|asn" help:"Kind of CSE (default in)."`
	CSEID       *string `name:"cse-id" placeholder:"/ID" help:"CSE-ID (default /id-in, /id-mn or /id-asn)."`
	CSEName     *string `name:"cse-name" placeholder:"NAME" help:"Name of the CSEBase (default cse-in, cse-mn or cse-asn)."`
	SP          *string `name:"sp" placeholder:"//DOMAIN" help:"M2M-SP-ID (default //m2m.example)."`
	Admin       *string `name:"admin" placeholder:"STEM" help:"AE-ID-stem with full rights (default CAdmin)."`
	HTTPS       *string `name:"https" placeholder:"ADDR|off" help:"Listener with mutual TLS (default 127.0.0.1:8443)."`
	HTTP        *string `name:"http" placeholder:"ADDR|off" help:"Plain listener; loopback addresses only, unless --allow-insecure (default off)."`
	WSS         *string `name:"wss" placeholder:"ADDR|off" help:"WebSocket listener with mutual TLS (default off)."`
	WS          *string `name:"ws" placeholder:"ADDR|off" help:"Plain WebSocket listener, as --http (default off)."`
	Trust       *bool   `name:"trust-plain" help:"On plain loopback listeners, take every well-formed From as authenticated: for development."`
	Insecure    *bool   `name:"allow-insecure" help:"Permit listeners without security association on addresses that others can reach."`
	Registrar   *string `name:"registrar" placeholder:"URL" help:"Register with the CSE that is reached here."`
	RegistrarID *string `name:"registrar-id" placeholder:"/ID" help:"CSE-ID of the registrar, which its certificate must name."`

	Ops *string `name:"ops" placeholder:"ADDR|off" help:"Listener for /healthz, /readyz, /metrics and /version (default off)."`

	LogLevel  *string `name:"log-level" placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
	LogFormat *string `name:"log-format" placeholder:"text|json" help:"Form of the log (default text)."`

	CoAP  *string `name:"coap" hidden:""`
	CoAPS *string `name:"coaps" hidden:""`
	MQTT  *string `name:"mqtt" hidden:""`
	MQTTS *string `name:"mqtts" hidden:""`
}

// given returns the flags that were given, by name.
func (f serverFlags) given() map[string]string {
	flags := map[string]string{}
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() == reflect.Pointer && !field.IsNil() {
			flags[v.Type().Field(i).Tag.Get("name")] = fmt.Sprint(field.Elem().Interface())
		}
	}
	return flags
}

// load reads the configuration.
func (f serverFlags) load(c *call) (*config.Config, error) {
	return config.Load(config.Sources{File: f.Config, Env: c.Env, Flags: f.given()})
}

type serveCommand struct {
	Flags serverFlags `embed:""`
}

// Help is the second part of the help page.
func (*serveCommand) Help() string {
	return `The same settings can stand in a TOML file and in the environment; flags win over the environment, the environment over the file. docs/configuration.md lists all.

At first start without a certificate, a development certificate authority is made in DIR/pki.

Examples:

    bulwark serve
    bulwark serve --data /var/lib/bulwark --https 0.0.0.0:8443 --cse-id /id-in --sp //iot.example.com
    bulwark serve --https off --http 127.0.0.1:8080 --trust-plain
    bulwark serve --cse-type mn --registrar https://in.m2m.example:8443 --registrar-id /id-in --config gateway.toml`
}

// Run runs a CSE until the context ends.
func (s *serveCommand) Run(c *call) error {
	cfg, err := s.Flags.load(c)
	if err != nil {
		return err
	}
	if c.Parts.Serve == nil {
		return config.ErrNotInThisVersion
	}
	log := logging.New(c.Stderr, cfg.Log.Level.Level, cfg.Log.Format == config.LogJSON)
	for _, w := range cfg.Warnings {
		log.WarnContext(c, "configuration", "warning", w)
	}
	return c.Parts.Serve(c, cfg, log, c.Stdout)
}
