"""What a studio does by hand: coupons and redemptions, corrections of the ledger, students made one."""
