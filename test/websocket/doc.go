// Package websocket tests the WebSocket binding with a program in another
// language, whose WebSocket is by other authors.
package websocket
