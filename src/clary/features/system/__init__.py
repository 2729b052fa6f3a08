"""What the server says about itself: public facts, health, readiness; and the settings that change while it runs."""
