import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach } from "vitest";
import { setLocale } from "../src/kit/i18n";

beforeEach(() => setLocale("en"));
afterEach(cleanup);
