// Package e2e tests the product as it is run: the annal binary in processes of its own (internal/annaltest) that are
// killed and started again, on embedded engines and on Apache Kafka and Redis, with clients over real sockets.
package e2e
