package escertke

import (
	"errors"
	"fmt"
)

// MaxMessage bounds a message, in octets: a flight with a chain of four
// certificates has some 3 KiB (E-110).
const MaxMessage = 16 << 10

// Content types of TLS records (RFC 5246 clause 6.2.1).
const (
	recordChange    = 20 // ChangeCipherSpec
	recordHandshake = 22
)

const (
	headerLength = 5          // type, version, length
	maxRecord    = 1<<14 + 64 // an encrypted Finished has MAC and padding on top, and no record here is near it
	clientHello  = 1          // type of a handshake message
	alertLength  = 2          // level and description
	recordAlert  = 21
)

var (
	errRecords = errors.New("a message is a sequence of whole TLS records")
	errShape   = errors.New("the message has not the records of its place in the handshake")
	errTooLong = fmt.Errorf("a message has at most %d octets", MaxMessage)
)

// records returns the content types of the records that a message consists of
// (E-98). It fails unless they are whole.
func records(message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, errTooLong
	}
	var types []byte
	for rest := message; len(rest) > 0; {
		if len(rest) < headerLength {
			return nil, errRecords
		}
		length := int(rest[3])<<8 | int(rest[4])
		if rest[1] != 3 || length == 0 || length > maxRecord || length > len(rest)-headerLength {
			return nil, errRecords
		}
		types = append(types, rest[0])
		rest = rest[headerLength+length:]
	}
	if len(types) == 0 {
		return nil, errRecords
	}
	return types, nil
}

// isHello reports whether whole records begin with a ClientHello: message 1.
func isHello(message []byte) bool {
	return message[0] == recordHandshake && message[headerLength] == clientHello
}

// checkShape holds a message against its number, 1 to 4 (TS-0003 table
// 8.7.2.2-1): handshake records, behind which the messages 3 and 4 change the
// cipher and have one more record, the encrypted Finished. So nothing hides
// behind what TLS reads: no alert, no ticket, no data.
func checkShape(message []byte, number int) error {
	types, err := records(message)
	if err != nil {
		return err
	}
	plain := types
	if number > 2 {
		last := len(types) - 2
		if last < 0 || types[last] != recordChange || types[last+1] != recordHandshake {
			return errShape
		}
		plain = types[:last]
	}
	for _, t := range plain {
		if t != recordHandshake {
			return errShape
		}
	}
	if number == 1 && !isHello(message) || number < 4 && len(plain) == 0 || number == 4 && len(plain) > 0 {
		return errShape
	}
	return nil
}

// alertOf returns the description of an unencrypted alert that a flight ends
// with, 0 for none.
func alertOf(flight []byte) byte {
	start := len(flight) - headerLength - alertLength
	if start < 0 || flight[start] != recordAlert || flight[start+3] != 0 || flight[start+4] != alertLength {
		return 0
	}
	return flight[len(flight)-1]
}
