package wsb

import (
	"bytes"
	"sync"
)

var buffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// takeBuffer and giveBuffer lend memory for one message.
func takeBuffer() *bytes.Buffer {
	b, _ := buffers.Get().(*bytes.Buffer) // it holds nothing else
	b.Reset()
	return b
}

func giveBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxLent {
		buffers.Put(b)
	}
}

// maxLent is how large memory may have become that is kept, in octets.
const maxLent = 64 << 10

var texts = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// takeText and giveText lend memory for a message that is to be written. What is
// given back is what the message was appended to, or became.
func takeText() *[]byte {
	b, _ := texts.Get().(*[]byte) // it holds nothing else
	return b
}

func giveText(lent *[]byte, b []byte) {
	if cap(b) > 0 && cap(b) <= maxLent {
		*lent = b
	}
	texts.Put(lent)
}
