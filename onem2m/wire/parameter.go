package wire

import "bulwark/onem2m"

// setText takes a parameter that is a string.
func setText(into *string, m onem2m.Member) error {
	s, ok := onem2m.TextOf(m.Value)
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, m.Name, "the value must be a string")
	}
	*into = s
	return nil
}

// setTime takes a timestamp, milliseconds or a duration; a number is accepted
// for the milliseconds (C-012). What it says is for the CSE to read.
func setTime(into *string, m onem2m.Member) error {
	if _, ok := onem2m.IntOf(m.Value); ok {
		*into = string(m.Value)
		return nil
	}
	return setText(into, m)
}

func setNumber(into **int64, m onem2m.Member) error {
	n, ok := onem2m.IntOf(m.Value)
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, m.Name, "the value must be an integer")
	}
	*into = &n
	return nil
}

func setFlag(into **bool, m onem2m.Member) error {
	b, ok := onem2m.BoolOf(m.Value)
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, m.Name, "the value must be true or false")
	}
	*into = &b
	return nil
}

func setList(into *[]string, m onem2m.Member) error {
	list, ok := onem2m.TextsOf(m.Value)
	if !ok {
		return onem2m.Errorf(onem2m.BadRequest, m.Name, "the value must be a list of strings")
	}
	*into = list
	return nil
}
