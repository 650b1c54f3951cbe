package cli

import (
	"net/url"
	"slices"
	"strings"

	"bulwark/onem2m"
)

// Words that flags take.
const (
	operationWords = "create, retrieve, update, delete or notify"
	explainedWords = "create, retrieve, update, delete, notify or discovery"
)

// isOperation reports whether a word is one of a list such as operationWords.
func isOperation(word, words string) bool {
	return slices.Contains(strings.Split(strings.ReplaceAll(words, " or ", ", "), ", "), word)
}

// isURL reports whether text is a URL with a host and one of the schemes.
func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

// notURL is the error for what is no URL of a CSE.
func notURL(what, text string) error {
	return usagef("%s, %q, isn't an http or https URL, such as https://127.0.0.1:8443", what, text)
}

// isAbsoluteCSE reports whether text is an absolute CSE-ID.
func isAbsoluteCSE(text string) bool {
	id, form, err := (onem2m.Home{}).ParseID(text)
	return err == nil && form == onem2m.FormAbsolute && id.Registrar() == ""
}
