"""What must hold while everything is killed, flushed, frozen and restarted."""
