-- Where an event was left: a place in a trace, as the header field traceparent has it. What follows from the event is in the
-- same trace.
ALTER TABLE events ADD COLUMN trace TEXT;
