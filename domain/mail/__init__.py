"""What mails tell, sentence by sentence."""
