// Package clients shows that the client libraries of our users go on by
// themselves when their master dies and when it is changed as planned: each is
// an application that writes rising numbers, configured with nothing but where
// to ask and for whom. Applications in Go run in the test's process, the others
// as processes of their own (testdata).
package clients
