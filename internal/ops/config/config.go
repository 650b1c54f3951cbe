package config

import "net/netip"

// Config is the whole configuration. Load makes a valid one; the fields are
// read-only afterwards, so it may be shared between goroutines.
//
// The tags of each field: toml is its key, doc its meaning, default the text
// that Default parses, flag the command-line flag that sets it. A field with the
// tag later does nothing yet: any value but the zero one is refused, with what
// the tag says.
type Config struct {
	Data          Path   `toml:"data" flag:"data" default:"bulwark-data" doc:"Data directory. It is created with mode 0700; the database, the audit trail and the development certificates are inside."`
	Store         string `toml:"store" flag:"store" default:"sqlite" doc:"Where resources are stored. The only engine in this version is sqlite, in the data directory."`
	Ops           string `toml:"ops" flag:"ops" default:"off" doc:"Address of the plain HTTP listener for /healthz, /readyz, /metrics and /version, or off. Keep it on loopback or a management network: it asks nobody who they are."`
	AllowInsecure bool   `toml:"allow-insecure" flag:"allow-insecure" default:"false" doc:"Permit listeners on addresses other than loopback that work without a security association. Logged as a warning at start and every hour. Such a listener never trusts From."`

	Log        Log        `toml:"log" doc:"The process log on standard error."`
	CSE        CSE        `toml:"cse" doc:"The identity and the behaviour of the CSE."`
	Listen     []Listener `toml:"listen" doc:"One listener. Without any [[listen]] there is one https listener on 127.0.0.1:8443; the flags --https, --http, --wss, --ws and --trust-plain change or add listeners."`
	Anchors    []Anchor   `toml:"anchor" doc:"A trust anchor for the certificates of peers."`
	Locations  []Location `toml:"location" doc:"A position that the operator states for an entity; only these count in location rules of policies."`
	Peers      []Peer     `toml:"peer" doc:"A CSE that is known by name."`
	Token      Token      `toml:"token" doc:"Tokens of the authorization that other parties give."`
	PDP        PDP        `toml:"pdp" doc:"Decision point: other CSEs may leave access decisions to this one."`
	PRP        PRP        `toml:"prp" doc:"Policy point: other CSEs may take policies from this one."`
	PIP        PIP        `toml:"pip" doc:"Information point: other CSEs may ask this one for roles and tokens."`
	Governed   []Governed `toml:"governed" doc:"Policies of this CSE that its decision and policy point apply to resources of other CSEs. The first entry that fits a resource counts."`
	Trust      Authority  `toml:"trust" doc:"Parties whose word counts in access decisions."`
	ESPrim     ESPrim     `toml:"esprim" doc:"Requests that are protected from end to end."`
	ESCertKE   ESCertKE   `toml:"escertke" doc:"Keys for such requests that are established by certificate."`
	DAS        DAS        `toml:"das" doc:"A Dynamic Authorization Server in the same process, or that of bulwark das. See docs/das.md."`
	Remote     Remote     `toml:"remote" doc:"The CSE that this one registers with."`
	Outbound   Outbound   `toml:"outbound" doc:"Requests that the CSE itself sends: notifications and forwarding."`
	Secrets    Secrets    `toml:"secrets" doc:"The master key, which encrypts private and shared keys in the data directory. Without this table it is the file master.key there, made at first start: then whoever copies the directory has the keys too."`
	Audit      Audit      `toml:"audit" doc:"The audit trail of security decisions, DIR/audit/."`
	Limits     Limits     `toml:"limits" doc:"Bounds that keep one client from using up the process."`
	Timing     Timing     `toml:"timing" doc:"Lifetimes and periods. A duration is text with units: \"500ms\", \"2s\", \"10m\", \"1h\", \"30d\", \"5y\" (365 days)."`
	Algorithms Algorithms `toml:"algorithms" doc:"Cryptographic algorithms."`

	// Warnings are remarks on the sources that were read: environment variables
	// that begin with BULWARK_ and name nothing.
	Warnings []string `toml:"-"`
}

// Log is the table [log].
type Log struct {
	Level  Level     `toml:"level" flag:"log-level" default:"info" doc:"Least severity that is logged: debug, info, warn or error."`
	Format LogFormat `toml:"format" flag:"log-format" default:"text" doc:"Form of the lines: text or json."`
}

// CSE is the table [cse].
type CSE struct {
	Type                CSEType   `toml:"type" flag:"cse-type" default:"in" doc:"Kind of CSE: in, mn or asn."`
	ID                  string    `toml:"id" flag:"cse-id" doc:"CSE-ID with its slash. The default follows the type: /id-in, /id-mn or /id-asn. Fixed once the data directory exists."`
	Name                string    `toml:"name" flag:"cse-name" doc:"resourceName of the CSEBase. The default follows the type: cse-in, cse-mn or cse-asn. Fixed once the data directory exists."`
	SP                  string    `toml:"sp" flag:"sp" default:"//m2m.example" doc:"M2M-SP-ID: // and a domain name. Fixed once the data directory exists."`
	Admin               string    `toml:"admin" flag:"admin" default:"CAdmin" doc:"AE-ID-stem with full rights. Over TLS only the holder of its certificate is it. No AE can register with it."`
	Releases            []Release `toml:"releases" default:"1,2a,3,4" doc:"Release version indicators that are served: of 1, 2a, 3 and 4. A request without an indicator counts as 1."`
	Registrees          []string  `toml:"registrees" doc:"CSE-IDs that may register here, with * for any run of characters: /id-home*. The default is any that proves itself by its certificate. One that is taken off the list can't renew its registration."`
	BasePolicy          Path      `toml:"base-policy" doc:"JSON file with a privileges object that replaces the built-in policy of the CSEBase as a whole."`
	Definitions         Path      `toml:"definitions" doc:"Folder of JSON files with definitions of flexContainer specializations, in addition to the built-in ones of the common information models."`
	RequireSubscription bool      `toml:"require-subscription" default:"false" doc:"Hold every AE registration against service subscription data, also before there are any. The default does so from the first m2mServiceSubscriptionProfile until somebody deletes the last one. Only an IN-CSE keeps such data: an mn or asn asks it for those that name it, as which the mn or asn needs the privileges to discover and to retrieve them."`
	Points              []string  `toml:"points" doc:"Points of access that other CSEs are told, such as https://gateway.example.com:8443. The default is the addresses of the listeners, but for those that stand for every address of the machine."`
	VerifyURLs          bool      `toml:"verify-urls" default:"false" doc:"Send a verification request also to notification targets that are plain URLs."`
	Consultation        string    `toml:"consultation" doc:"Resource identifier of the dynamicAuthorizationConsultation for resources that neither link to one nor lie below one that does. Only the administrator makes one with this path. Nobody is asked about these by default."`
	PublishRand         bool      `toml:"publish-rand" default:"true" doc:"Publish a receiver rand object for everybody, so that an originator of protected requests has to ask for none. With false each one asks for its own first, and no protected request is older than timing.esprim-unique."`
	MaskExistence       bool      `toml:"mask-existence" default:"false" doc:"Answer 4004 (not found) in place of 4103 (no privilege) to originators that are not authenticated."`
}

// Listener is one [[listen]] entry.
type Listener struct {
	Binding        Binding        `toml:"binding" doc:"Protocol: http, https, ws or wss."`
	Address        string         `toml:"address" doc:"Host and port to listen on, for example 127.0.0.1:8443. Port 0 takes a free one."`
	TrustPlain     bool           `toml:"trust-plain" doc:"Plain loopback listeners only: take every well-formed From as authenticated. For development and conformance suites."`
	SA             SAPolicy       `toml:"sa" doc:"Whether a peer must have a security association: required or optional. The default is required for https and optional for http. Optional on an address other than loopback needs allow-insecure."`
	ClientCA       Path           `toml:"client-ca" doc:"PEM file of trust anchors for every certificate flavour on this listener. Short for an [[anchor]]. The default is the certificate authority in the data directory."`
	Cert           Path           `toml:"cert" doc:"PEM file of the certificate of the CSE and its chain. The default is DIR/pki/server.crt, which is made at first start. Goes with key. Where the CSE itself connects to others it shows the certificate of the first https listener."`
	Key            Path           `toml:"key" doc:"PEM file of the private key for cert."`
	PSK            bool           `toml:"psk" later:"pre-shared keys are" doc:"Offer pre-shared keys. Not in this version: must be false."`
	Profile        Profile        `toml:"profile" doc:"Algorithm profile of this listener. The only one in this version is modern."`
	TrustedProxies []netip.Prefix `toml:"trusted-proxies" doc:"Address ranges of reverse proxies whose Forwarded headers tell the source address."`
	Origins        []string       `toml:"origins" doc:"Hosts of web pages whose scripts may open a WebSocket here, such as dash.example.com or *.example.com."`
}

// Anchor is one [[anchor]] entry.
type Anchor struct {
	CA       Path      `toml:"ca" doc:"PEM file of the trust anchor."`
	Flavours []Flavour `toml:"flavours" doc:"Certificate flavours that it may vouch for: of ae, cse, node, device and fqdn."`
	CRL      PathOrURL `toml:"crl" doc:"Revocation list of this anchor: a file or an http(s) URL. Once it was read, peers are refused while it cannot be read anew or is out of date."`
}

// Location is one [[location]] entry.
type Location struct {
	ID          string  `toml:"id" doc:"Absolute AE-ID, for example //m2m.example/id-in/CLamp."`
	Latitude    float64 `toml:"latitude" doc:"Degrees north, -90 to 90."`
	Longitude   float64 `toml:"longitude" doc:"Degrees east, -180 to 180."`
	Uncertainty float64 `toml:"uncertainty" doc:"Radius in metres in which the entity is."`
	Country     string  `toml:"country" doc:"ISO 3166-1 code of two letters."`
}

// Peer is one [[peer]] entry.
type Peer struct {
	ID      string `toml:"id" doc:"CSE-ID: SP-relative such as /id-far, or absolute."`
	DNS     string `toml:"dns" doc:"The dNSName in its certificate."`
	CA      Path   `toml:"ca" doc:"PEM file of its trust anchor, when that is none of the [[anchor]] entries."`
	Network string `toml:"network" doc:"The underlying network over which this CSE reaches it, as the targetNetwork of CMDH policies names it. Where it is not known every rule for a network counts."`

	DNSPort int `toml:"dns-port" doc:"Only for an in, and the IN-CSE of another provider: the port at which it is found by DNS, under its public domain name, where neither of the two is registered with the other. The name is that in dns, else CSE-ID.domain, such as id-in.far.example. Its certificate has to name its CSE-ID, or that domain name under an anchor that vouches for it. The default is that it isn't looked for."`

	Descendants []string `toml:"descendants" doc:"CSE-IDs that it may state to be below it, with * for any run of characters: /id-home*. It gets no requests for any other. The default is any that this CSE doesn't know from elsewhere."`
}

// Token holds the tables [[token.issuer]].
type Token struct {
	Issuers []TokenIssuer `toml:"issuer" doc:"A Token Issuer whose tokens count in access decisions. Without any, requests with tokens are answered 5001."`
}

// TokenIssuer is one [[token.issuer]] entry.
type TokenIssuer struct {
	ID         string   `toml:"id" doc:"Absolute AE-ID or CSE-ID that its tokens carry as issuer, such as //m2m.example/Sdas."`
	FQDN       string   `toml:"fqdn" doc:"Domain name, in lower case, behind the @ of its Token-IDs and of the Role-IDs that it may give. A token with another Token-ID is refused, and other roles in it count for nothing."`
	Repository string   `toml:"repository" doc:"Where it keeps token resources too: the CSEBase of another CSE, such as /id-far/cse-far, or an authorizationInformation there that is no information point. They are asked for when a request names a Token-ID that isn't here: this CSE needs RETRIEVE on that resource and on the tokens."`
	JWKS       Path     `toml:"jwks" doc:"File with its keys: a JSON Web Key, a set of them, or certificates in PEM. Public keys of the issuer, keys that it shares with this CSE, and private keys that tokens are encrypted for. Keep it unreadable for others if it holds a key that is not public."`
	Accept     []string `toml:"accept" doc:"How its tokens may be protected: class, colon, algorithms. Classes are sign, encrypt and nested; the algorithms are those for signature, key management and content encryption, joined by +. Any other token of this issuer is refused."`
	Revoked    []string `toml:"revoked" doc:"Token-IDs of this issuer that are not accepted any more."`
	PoA        Texts    `toml:"poa" doc:"Where its Dynamic Authorization Server is asked: URLs, or the AE-ID or resource identifier of its AE; a text, or a list that is tried in order. A dynamicAuthorizationConsultation with one of these points of access is about this server, tokens that are named by their Token-ID are retrieved there, and signatures over tokens are kept there."`
	Seal       Path     `toml:"seal" doc:"File with a JSON Web Key of the server, with alg: what originators carry to it is encrypted with that, so that they do not read which roles would be enough. A public key for ECDH-ES+A128KW, ECDH-ES+A256KW or RSA-OAEP-256, or a shared one for dir, A128KW or A256KW. The default is plain."`

	Revocations string `toml:"revocations" doc:"https URL of its Dynamic Authorization Server, if that is a bulwark das: it is asked what it has revoked, and answers when that changes; until it has answered once after a start none of its tokens counts. [outbound] ca names its root. A server in the process of the CSE needs no asking."`
}

// Authority holds the tables [[trust.role-authority]].
type Authority struct {
	Roles []RoleAuthority `toml:"role-authority" doc:"An Authorization Authority whose role assignments, role resources that it creates on this CSE, count. Without any, requests that claim roles are answered 5001."`
}

// RoleAuthority is one [[trust.role-authority]] entry.
type RoleAuthority struct {
	ID   string `toml:"id" doc:"Absolute AE-ID or CSE-ID of the authority: the issuer and the creator of the role resources."`
	FQDN string `toml:"fqdn" doc:"Domain name, in lower case, behind the @ of the Role-IDs that it may assign."`

	Repository string `toml:"repository" doc:"Where it keeps role resources too: the CSEBase of another CSE, such as /id-far/cse-far, or an authorizationInformation there that is no information point. They are asked for when a role is claimed that isn't here: this CSE needs RETRIEVE on that resource and on the roles."`
}

// PDP is the table [pdp].
type PDP struct {
	Resource string   `toml:"resource" doc:"Structured address of the authorizationDecision resource that answers, such as cse-in/pdp. It is made by request, with policies that say who may ask: they need UPDATE on it. The default is that none answers."`
	Tokens   bool     `toml:"tokens" default:"false" doc:"Honour tokens in questions, although only the CSE that asks vouches for who brings them."`
	TokensTo []string `toml:"tokens-to" doc:"CSE-IDs of other CSEs whose decision points may see the tokens that originators bring here. All others are told Token-IDs alone."`
}

// PRP is the table [prp].
type PRP struct {
	Resource string `toml:"resource" doc:"Structured address of the authorizationPolicy resource that answers. See resource of [pdp]."`
}

// PIP is the table [pip].
type PIP struct {
	Resource string   `toml:"resource" doc:"Structured address of the authorizationInformation resource that answers. See resource of [pdp]."`
	Ask      []string `toml:"ask" doc:"Addresses of authorizationInformation resources of other CSEs that are asked, in this order, about originators for whom there is nothing here."`
}

// Governed is one [[governed]] entry.
type Governed struct {
	Targets  []string `toml:"targets" doc:"Absolute addresses of resources of other CSEs, as those ask about them: with resource identifiers. A * at the end stands for all that begin so."`
	Policies []string `toml:"policies" doc:"Addresses of the policies that apply to them. Only the administrator makes policies with these paths."`
}

// DAS is the table [das].
type DAS struct {
	ID         string   `toml:"id" doc:"Absolute AE-ID of the server, such as //m2m.example/Sdas: the issuer of its tokens. Without it there is no server. Fixed once its ledger exists."`
	FQDN       string   `toml:"fqdn" doc:"Domain name, in lower case, behind the @ of its Token-IDs and of the Role-IDs that it gives. Fixed once its ledger exists."`
	Policy     Path     `toml:"policy" doc:"File with its policy: who gets which roles or rules, where, when and for how long. It is read again when it changes; while it cannot be read, nothing is granted."`
	Address    string   `toml:"address" default:"127.0.0.1:8444" doc:"Host and port of its https listener. Port 0 takes a free one."`
	Cert       Path     `toml:"cert" doc:"PEM file of its certificate and chain: with a host name, for CSEs that know it by a URL, or with its AE-ID, for those that know it as an AE. The default is DIR/pki/server.crt. Goes with key."`
	Key        Path     `toml:"key" doc:"PEM file of the private key for cert."`
	ClientCA   Path     `toml:"client-ca" doc:"PEM file of trust anchors for CSEs and originators, besides every [[anchor]]. The default without both is the certificate authority in the data directory."`
	Forwarders []string `toml:"forwarders" doc:"Absolute CSE-IDs that are believed when they pass on what another CSE asks: the registrar of the server, say."`
	Register   string   `toml:"register" doc:"https URL of a CSE with which the server registers as an AE. Then it can tell that CSE that a token has a new holder. [outbound] ca names the root of the CSE."`
	Point      string   `toml:"point" doc:"Point of access that it registers, such as https://das.m2m.example:8444, for CSEs that know the server by its AE-ID. The default is none."`
	AECert     Path     `toml:"ae-cert" doc:"PEM file of the certificate with its AE-ID, and chain, that it shows to that CSE. The default is issued by the certificate authority in the data directory. Goes with ae-key."`
	AEKey      Path     `toml:"ae-key" doc:"PEM file of the private key for ae-cert."`
}

// Remote is the table [remote].
type Remote struct {
	URL  string `toml:"url" flag:"registrar" doc:"Point of access of the registrar CSE: an https URL. Plain http is for a registrar on this machine. An mn or asn registers with a CSE of its own provider, an in with one of another provider."`
	ID   string `toml:"id" flag:"registrar-id" doc:"CSE-ID of the registrar: /id-in, or absolute for one of another provider. Its certificate must name it."`
	IN   string `toml:"in" doc:"CSE-ID of the IN-CSE, which gives AE-IDs that are valid in the whole provider (S…). The default is the registrar, if that is an IN-CSE, or else the one that the registrar names."`
	Cert Path   `toml:"cert" doc:"PEM file of the certificate that is shown to other CSEs, with its chain. The default is that of the first https listener. Goes with key."`
	Key  Path   `toml:"key" doc:"PEM file of the private key for cert."`
	CA   Path   `toml:"ca" doc:"PEM file of the trust anchor of the registrar. No other anchor vouches for it then. The default is any [[anchor]] or client-ca."`
	Poll bool   `toml:"poll" default:"false" doc:"Fetch requests from the registrar instead of being called: for a CSE that nobody can connect to, behind a home router say."`
}

// Outbound is the table [outbound].
type Outbound struct {
	Allow          []HostRule `toml:"allow" doc:"Address ranges and host names that may be called although they are denied by default (loopback). Link-local, multicast and own listener addresses stay denied."`
	Deny           []HostRule `toml:"deny" doc:"Address ranges and host names that are never called."`
	CA             Path       `toml:"ca" doc:"PEM file of roots for https receivers that are named by URL. The default is the system's roots."`
	ConnectTimeout Duration   `toml:"connect-timeout" default:"5s" doc:"Longest time to a connection, with the TLS handshake."`
	Timeout        Duration   `toml:"timeout" default:"10s" doc:"Longest time to an answer."`
	Queue          int        `toml:"queue" default:"1000" doc:"Most notifications that wait for one target; beyond it those of lowest storage priority are dropped."`
	GiveUp         Duration   `toml:"give-up" default:"1h" doc:"How long one notification is tried again."`
}

// Secrets is the table [secrets].
type Secrets struct {
	MasterKeyFile     Path   `toml:"master-key-file" doc:"File with the master key: 32 octets in base64url, in one line, readable by its owner alone. Keep it off the disk and the backups of the data directory."`
	SystemdCredential string `toml:"systemd-credential" doc:"Name of a credential of the service manager that holds the master key: see LoadCredential= of systemd. In place of master-key-file."`
}

// Audit is the table [audit].
type Audit struct {
	Size  Size `toml:"size" default:"10MiB" doc:"Size at which a file is closed and the next begun."`
	Count int  `toml:"count" default:"10" doc:"Number of files that are kept."`
}

// Limits is the table [limits].
type Limits struct {
	Body              Size     `toml:"body" default:"1MiB" doc:"Largest request or response body."`
	Depth             int      `toml:"depth" default:"64" doc:"Deepest nesting of a body."`
	Results           int      `toml:"results" default:"1000" doc:"Most resources in one answer; more are announced as incomplete."`
	Announced         int      `toml:"announced" default:"100000" doc:"Most resources below what one other CSE announces here: its CSEBaseAnnc, and the AEAnnc of its AEs. In all there are ten times as many; what comes by one neighbour takes at most as many of these as it leaves free. One more is answered 5207."`
	Header            Size     `toml:"header" default:"32KiB" doc:"Largest request line with all header fields."`
	Connections       int      `toml:"connections" default:"4096" doc:"Most open connections of one listener. One peer, a credential or without one an address that is not loopback, has at most half of those that others leave, and always 64."`
	Requests          int      `toml:"requests" default:"256" doc:"Most requests in work at once, over all listeners. More wait for their turn; one that expires while it waits is answered 4008."`
	ReadHeaderTimeout Duration `toml:"read-header-timeout" default:"5s" doc:"Longest TLS handshake, and longest time for the header fields of a request to arrive."`
	ReadTimeout       Duration `toml:"read-timeout" default:"30s" doc:"Longest time for a whole request to arrive."`
	IdleTimeout       Duration `toml:"idle-timeout" default:"2m" doc:"Longest time that a connection is kept without a request. One over WebSocket is pinged four times as often, and kept while its peer answers."`
	SessionAge        Duration `toml:"session-age" default:"24h" doc:"Longest life of a TLS connection. An older one is closed, so that the peer shows its certificate in a new handshake."`
	Drain             Duration `toml:"drain" default:"10s" doc:"Longest time that a stop waits for requests in work, and then again for notifications on their way. What is left is broken off; notifications stay in the outbox."`
}

// Timing is the table [timing].
type Timing struct {
	ExpiryCheck       Duration `toml:"expiry-check" default:"60s" doc:"Period of the sweep of expired resources. What expired is hidden at once."`
	RequestExpiration Duration `toml:"request-expiration" default:"10s" doc:"Deadline of a request that states none."`
	RequestLifetime   Duration `toml:"request-lifetime" default:"1h" doc:"How long the result of a non-blocking request can be fetched whose originator states no time."`
	RegistrationCheck Duration `toml:"registration-check" default:"30s" doc:"How often the registration with the registrar is looked at, and repaired."`
	PollWait          Duration `toml:"poll-wait" default:"30s" doc:"How long a poll at a polling channel waits that states no deadline."`
	Consultation      Duration `toml:"consultation" default:"3s" doc:"How long a Dynamic Authorization Server has for an answer. One that fails is left alone for 5 seconds."`
	DynamicDefault    Duration `toml:"dynamic-default" default:"1h" doc:"How long privileges count that such a server grants without a word about their end."`
	DynamicMax        Duration `toml:"dynamic-max" default:"30d" doc:"Longest time that privileges of such a server count; what is longer is cut to it."`
	TokenRecheck      Duration `toml:"token-recheck" default:"0s" doc:"How long a token counts until its Dynamic Authorization Server is asked whether it still hands it over; 0s: until it ends. A token whose server has revoked it, or is not reached, does not count then. For issuers with poa."`
	ClockLeeway       Duration `toml:"clock-leeway" default:"0s" doc:"How far the clocks of those who issue roles and tokens may differ from this one: at most 1m."`
	DefaultExpiration Duration `toml:"default-expiration" default:"5y" doc:"Lifetime of a resource whose creator states none."`
	ESPrimUnique      Duration `toml:"esprim-unique" default:"10m" doc:"Life of a receiver rand object that one originator of protected requests has asked for. None of its requests can be older."`
	ESPrimShared      Duration `toml:"esprim-shared" default:"24h" doc:"Life of the receiver rand object that is published for everybody. It is renewed at half of it."`
	MaxExpiration     Duration `toml:"max-expiration" default:"10y" doc:"Longest lifetime; a later expirationTime is cut to it."`
}

// Algorithms is the table [algorithms].
type Algorithms struct {
	Profile Profile  `toml:"profile" default:"modern" doc:"What is used: modern is what current guidance recommends, and the only profile in this version. bulwark check prints every algorithm of it."`
	ESPrim  []string `toml:"esprim" default:"A256GCM" doc:"Content encryption on offer to originators of protected requests, preferred first: of A256GCM, A192GCM and A128GCM."`
	Allow   []string `toml:"allow" later:"a choice of algorithms is" doc:"Names of algorithms that are permitted in addition to the profile. Not in this version: must be empty."`
	Deny    []string `toml:"deny" later:"a choice of algorithms is" doc:"Names of algorithms that are refused although the profile has them. Not in this version: must be empty."`
}
