// Package check judges what phones were shown while push was killed: it has what people did and when they were answered, what came to each phone, and
// what push says of it, and shares nothing with the product.
package check
