package main

// exit is an error that says what the process ends with. Others end with 1.
type exit struct {
	error
	code int
}

func (e exit) Unwrap() error { return e.error }

// cannotLook is the code of checks that found nothing out.
const cannotLook = 2
