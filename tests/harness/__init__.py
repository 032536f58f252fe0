"""The testing kit and the tests, put to the test."""
