package sparql

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"bulwark/internal/rdf"
)

// rank orders the numeric types by promotion: integer, decimal, float, double.
type rank uint8

const (
	integer rank = iota
	decimal
	float
	double
)

// Bounds of exact numbers, so that no expression grows them without end.
const (
	maxDigits   = 100 // of a lexical form
	maxBits     = 512 // of a result
	maxFraction = 18  // decimal digits after the point, which XML Schema asks for at least
)

// number is a numeric value: exact for integer and decimal, otherwise floating.
type number struct {
	rank  rank
	exact *big.Rat
	float float64
}

// numeric returns the value of a numeric literal.
func numeric(t rdf.Term) (number, bool) {
	if t.Kind != rdf.Literal || !strings.HasPrefix(t.Datatype, rdf.XSD) {
		return number{}, false
	}
	lexical := strings.Trim(t.Value, " \t\r\n")
	switch name := t.Datatype[len(rdf.XSD):]; name {
	case "float", "double":
		return floating(lexical, name)
	case "decimal":
		return fixed(lexical, decimal)
	case "integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger",
		"unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte":
		return fixed(lexical, integer)
	default:
		return number{}, false
	}
}

func fixed(lexical string, rank rank) (number, bool) {
	if len(lexical) > maxDigits {
		return number{}, false
	}
	digits := 0
	for i := range len(lexical) {
		c := lexical[i]
		switch {
		case '0' <= c && c <= '9':
			digits++
		case (c == '+' || c == '-') && i == 0:
		case c == '.' && rank == decimal && strings.IndexByte(lexical, '.') == i:
		default:
			return number{}, false
		}
	}
	if digits == 0 {
		return number{}, false
	}
	exact, ok := new(big.Rat).SetString(strings.TrimSuffix(lexical, "."))
	return number{rank: rank, exact: exact}, ok
}

func floating(lexical, name string) (number, bool) {
	n := number{rank: double}
	bits := 64
	if name == "float" {
		n.rank, bits = float, 32
	}
	switch lexical {
	case "INF", "+INF":
		n.float = math.Inf(1)
		return n, true
	case "-INF":
		n.float = math.Inf(-1)
		return n, true
	case "NaN":
		n.float = math.NaN()
		return n, true
	}
	if lexical == "" || strings.Trim(lexical, "0123456789+-.eE") != "" || len(lexical) > maxDigits {
		return n, false
	}
	f, err := strconv.ParseFloat(lexical, bits)
	n.float = f
	return n, err == nil || math.IsInf(f, 0)
}

// approximate returns the value as a floating number.
func (n number) approximate() float64 {
	if n.rank >= float {
		return n.float
	}
	f, _ := n.exact.Float64()
	return f
}

// compare orders two numbers; NaN has no order.
func (n number) compare(m number) (order int, ok bool) {
	if n.rank <= decimal && m.rank <= decimal {
		return n.exact.Cmp(m.exact), true
	}
	a, b := n.approximate(), m.approximate()
	switch {
	case a < b:
		return -1, true
	case a > b:
		return 1, true
	default:
		return 0, a == b
	}
}

// term writes a number. One that has grown too large is an error.
func (n number) term() (rdf.Term, error) {
	switch n.rank {
	case integer, decimal:
		if n.exact.Num().BitLen() > maxBits || n.exact.Denom().BitLen() > 2*maxBits {
			return rdf.Term{}, errType
		}
		if n.rank == integer && n.exact.IsInt() {
			return rdf.NewLiteral(n.exact.Num().String(), rdf.Integer), nil
		}
		text := n.exact.FloatString(maxFraction)
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
		if text == "-0" || text == "" {
			text = "0"
		}
		return rdf.NewLiteral(text, rdf.Decimal), nil
	case float:
		return rdf.NewLiteral(floatText(n.float, 32), rdf.Float), nil
	default:
		return rdf.NewLiteral(floatText(n.float, 64), rdf.Double), nil
	}
}

// floatText is the canonical form of XML Schema: one digit before the point, at least one after.
func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "INF"
	case math.IsInf(f, -1):
		return "-INF"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, bits), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	sign := strings.TrimLeft(exponent[:1], "+")
	digits := strings.TrimLeft(exponent[1:], "0")
	if digits == "" {
		sign, digits = "", "0"
	}
	return mantissa + "E" + sign + digits
}

// calculate applies an operator of arithmetic to two terms (section 17.3).
func calculate(operator byte, a, b rdf.Term) (rdf.Term, error) {
	x, ok := numeric(a)
	y, also := numeric(b)
	if !ok || !also {
		return rdf.Term{}, errType
	}
	n, err := x.apply(operator, y)
	if err != nil {
		return rdf.Term{}, err
	}
	return n.term()
}

func (n number) apply(operator byte, m number) (number, error) {
	result := number{rank: max(n.rank, m.rank)}
	if result.rank >= float {
		result.float = operate(operator, n.approximate(), m.approximate())
		if result.rank == float {
			result.float = float64(float32(result.float))
		}
		return result, nil
	}
	result.exact = new(big.Rat)
	switch operator {
	case '+':
		result.exact.Add(n.exact, m.exact)
	case '-':
		result.exact.Sub(n.exact, m.exact)
	case '*':
		result.exact.Mul(n.exact, m.exact)
	default:
		if m.exact.Sign() == 0 {
			return number{}, errType
		}
		result.exact.Quo(n.exact, m.exact)
		result.rank = decimal // also of two integers (XPath op:numeric-divide)
	}
	return result, nil
}

func operate(operator byte, a, b float64) float64 {
	switch operator {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	default:
		return a / b
	}
}

// round applies ABS, CEIL, FLOOR or ROUND, which keep the type.
func (n number) round(name string) number {
	if n.rank >= float {
		switch name {
		case "ABS":
			n.float = math.Abs(n.float)
		case "CEIL":
			n.float = math.Ceil(n.float)
		case "FLOOR":
			n.float = math.Floor(n.float)
		default:
			n.float = math.Floor(n.float + 0.5)
		}
		return n
	}
	if name == "ABS" {
		n.exact = new(big.Rat).Abs(n.exact)
		return n
	}
	value := n.exact
	switch name {
	case "CEIL":
		value = new(big.Rat).Neg(value)
	case "ROUND":
		value = new(big.Rat).Add(value, big.NewRat(1, 2))
	}
	down := new(big.Int).Div(value.Num(), value.Denom()) // Euclidean: towards minus infinity, as the denominator is positive
	if name == "CEIL" {
		down.Neg(down)
	}
	n.exact = new(big.Rat).SetInt(down)
	return n
}

// to converts a number to another numeric type.
func (n number) to(datatype string) (rdf.Term, error) {
	switch datatype {
	case rdf.Float:
		return number{rank: float, float: n.approximate()}.term()
	case rdf.Double:
		return number{rank: double, float: n.approximate()}.term()
	}
	if n.rank >= float {
		n.exact = new(big.Rat).SetFloat64(n.float)
		if n.exact == nil { // infinite or not a number
			return rdf.Term{}, errType
		}
	}
	n.rank = decimal
	if datatype == rdf.Integer {
		n.rank = integer
		n.exact = new(big.Rat).SetInt(new(big.Int).Quo(n.exact.Num(), n.exact.Denom()))
	}
	return n.term()
}
