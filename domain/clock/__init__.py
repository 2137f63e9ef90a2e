"""What time alone does: it reminds, ends, warns and gives up; each set-based, and the same however often it is done."""
