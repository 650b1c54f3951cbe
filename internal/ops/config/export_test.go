package config

// Parse loads the text of a file without the file, for the fuzz target.
func Parse(text []byte) (*Config, error) {
	c, from := Default(), origins{}
	if err := parse(c, "bulwark.toml", text, from); err != nil {
		return nil, err
	}
	return c.finish(nil, from)
}
