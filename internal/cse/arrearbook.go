package cse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"bulwark/internal/announcement"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// What copies on other CSEs are owed, as the store has it: each debt under a number
// of its own, and the book that says how many there are.

// arrearBook counts the debts that are kept, by the CSE that they are owed to. Each
// is never nil once it has been written.
type arrearBook struct {
	Next int64             `json:"next"` // the number of the next one
	Each map[onem2m.ID]int `json:"each"`
	Of   map[onem2m.ID]int `json:"of,omitempty"` // and by who has made the originals
}

const (
	arrearBookName = "announce/debts"
	arrearPrefix   = "announce/debt/"
)

func arrearName(number int64) string { return fmt.Sprintf("%s%d", arrearPrefix, number) }

func (c *CSE) loadBook(r store.Reader) (*arrearBook, error) {
	book, err := loadState[arrearBook](r, arrearBookName)
	if errors.Is(err, store.ErrNotFound) {
		return &arrearBook{Each: map[onem2m.ID]int{}, Of: map[onem2m.ID]int{}}, nil
	}
	if err != nil {
		return nil, err
	}
	if book.Of == nil {
		book.Of = map[onem2m.ID]int{}
	}
	if book.Each != nil {
		return book, nil
	}
	book.Each = map[onem2m.ID]int{} // of an earlier version, which didn't count
	all, err := keptArrears(r)
	for _, one := range all {
		book.Each[c.owedTo(one)]++
	}
	return book, err
}

// owedTo is the CSE of the copy of a debt.
func (c *CSE) owedTo(one *arrear) onem2m.ID { return announcement.Host(c.Home, one.target()) }

// keptArrears returns all debts by their numbers. It takes the time of those that
// there are, and not of those that there were.
func keptArrears(r store.Reader) (map[int64]*arrear, error) {
	all, err := r.Settings(arrearPrefix)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*arrear, len(all))
	for name, data := range all {
		one, number := new(arrear), int64(0)
		_, err := fmt.Sscanf(name, arrearPrefix+"%d", &number)
		if err == nil {
			err = json.Unmarshal(data, one)
		}
		if err != nil {
			return nil, fmt.Errorf("what is owed to copies, %s: %w", name, err)
		}
		out[number] = one
	}
	return out, nil
}

// oweCopy keeps a debt in the transaction in which it comes about. It takes the
// place of what that copy is owed already: however often an original changes
// while another CSE is away, what is owed doesn't grow.
func (c *CSE) oweCopy(tx store.Tx, one arrear) error {
	one.Since = c.instant()
	all, before := c.arrears.together(one)
	if err := c.forgive(tx, before); err != nil {
		return err
	}
	number, err := c.keepArrear(tx, all)
	if errors.Is(err, errTooManyArrears) {
		c.Log.Warn("an announced resource isn't told", "address", one.Copy)
		return nil
	}
	if err == nil {
		c.arrears.made.Add(1)
		c.arrears.next.Store(number + 1)
		tx.OnCommit(func() { c.taken(number, all) })
	}
	return err
}

var errTooManyArrears = errors.New("too much is owed to announced resources")

func (c *CSE) keepArrear(tx store.Tx, one arrear) (number int64, err error) {
	book, err := c.loadBook(tx)
	if err != nil {
		return 0, err
	}
	total, host := 0, c.owedTo(&one)
	for _, n := range book.Each {
		total += n
	}
	if book.Each[host] >= maxArrears-total || one.Of != "" && book.Of[one.Of] >= maxArrearsOne {
		return 0, errTooManyArrears
	}
	if one.Of != "" {
		book.Of[one.Of]++
	}
	number = book.Next
	book.Next++
	book.Each[host]++
	if err := saveState(tx, arrearName(number), &one); err != nil {
		return 0, err
	}
	return number, saveState(tx, arrearBookName, book)
}

// taken takes up a debt that is kept.
func (c *CSE) taken(number int64, one arrear) { c.arrears.add(c.owedTo(&one), number, one) }

// forgive removes debts that are paid, past help, or part of others by now.
func (c *CSE) forgive(tx store.Tx, numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	book, err := c.loadBook(tx)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		one, err := loadState[arrear](tx, arrearName(number))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		lower(book.Each, c.owedTo(one))
		if one.Of != "" {
			lower(book.Of, one.Of)
		}
		if err := tx.SetSetting(arrearName(number), nil); err != nil {
			return err
		}
	}
	return saveState(tx, arrearBookName, book)
}

// loadArrears reads what was owed at the last end.
func (c *CSE) loadArrears(ctx context.Context) error {
	return c.Store.Read(ctx, func(r store.Reader) error {
		all, err := keptArrears(r)
		for _, number := range slices.Sorted(maps.Keys(all)) {
			c.taken(number, *all[number])
		}
		return err
	})
}
