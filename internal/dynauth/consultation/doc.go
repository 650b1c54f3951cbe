// Package consultation asks Dynamic Authorization Servers (TS-0003 clauses
// 7.3.2.2 and 7.3.2.7): how many questions may be on their way, how long a
// server that doesn't answer is left alone, what an answer may hold, and how
// wide and how long a grant of privileges may be.
//
// It knows no resources and sends nothing itself: what carries a question is
// handed in. Which server is asked about which resource is the CSE's business.
package consultation
