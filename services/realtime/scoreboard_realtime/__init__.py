"""The realtime service: standings and personal news in every browser within a blink, whatever the transport."""
