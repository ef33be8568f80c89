"""What a run says of each photograph, and where it is kept until all is done."""
