package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxAnswer bounds an answer in octets: a policy may have a thousand rules.
const maxAnswer = 16 << 20

// RefusedError says that a running CSE didn't answer a Question.
type RefusedError struct {
	Status int // of HTTP; 403 if the certificate isn't the administrator's
	Text   string
}

// Error tells what the CSE said.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the CSE answers %d: %s", e.Status, e.Text)
}

// Ask puts a Question to the running CSE at url, by a function that sends over
// the connection of somebody, who has to be the administrator. It fails with a
// *RefusedError if the CSE doesn't answer.
func Ask(ctx context.Context, send func(*http.Request) (*http.Response, error), url string, q Question) (Answer, error) {
	var answer Answer
	body, err := json.Marshal(q)
	if err != nil {
		return answer, fmt.Errorf("encode the question: %w", err)
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+ExplainPath, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	hr.Header.Set("Content-Type", "application/json")
	res, err := send(hr)
	if err != nil {
		return answer, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return answer, fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return answer, &RefusedError{Status: res.StatusCode, Text: strings.TrimSpace(string(text))}
	}
	return answer, json.Unmarshal(text, &answer)
}
