#include "manufacturer/catalogue.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"

namespace depot::manufacturer {
namespace {

class CatalogueTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/depot-catalogue-XXXXXX";
    folder_ = mkdtemp(path);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  // What is wrong with a file of many manufacturers, without the path.
  std::string errors(const std::string& rows) const {
    const std::string path =
        file("f.csv", "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n" + rows);
    try {
      read_offers_of_many(path, {});
      return "";
    } catch (const StartupError& error) {
      EXPECT_EQ(error.exit_code(), kExitFailed);
      std::string text = error.what();
      for (std::size_t at; (at = text.find(folder_ + "/")) != std::string::npos;) {
        text.erase(at, folder_.size() + 1);
      }
      return text.substr(text.find('\n') + 1);
    }
  }
  std::string folder_;
};

TEST_F(CatalogueTest, ReadsOneManufacturersOffers) {
  const auto rows = read_offers(
      file("f.csv", "offered,sku,name,unit_price\n120,A-1,\"Board, oak\",39.00\n0,B,Tray,0.01\n"),
      {});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].sku, "A-1");
  EXPECT_EQ(rows[0].name, "Board, oak");
  EXPECT_EQ(rows[0].unit_price, 3'900);
  EXPECT_EQ(rows[0].offered, 120);
  EXPECT_EQ(rows[1].offered, 0);
}

TEST_F(CatalogueTest, ReadsManyManufacturersInAnyOrderOfRows) {
  const auto all = read_offers_of_many(
      file("f.csv",
           "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\r\n"
           "m2,Second,A,Apple,1,1\r\nm1,First,A,Apple,2,2\r\nm2,Second,B,Pear,3.5,3\r\n"),
      {});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, "m1");
  EXPECT_EQ(all[1].name, "Second");
  EXPECT_EQ(all[1].rows.size(), 2u);
  EXPECT_EQ(all[1].rows[1].unit_price, 350);
}

TEST_F(CatalogueTest, NamesEveryErrorAtItsPlace) {
  const struct {
    std::string rows, errors;
  } cases[] = {
      {"m 1,M,A,Apple,1,1\n", "f.csv:2:1: manufacturer_id: must be 1 to 64 of A-Z a-z 0-9 . _ -\n"},
      {"m,,A,Apple,1,1\n",
       "f.csv:2:3: manufacturer_name: must be 1 to 200 bytes, printable and not blank\n"},
      {"m,M,,Apple,1,1\n", "f.csv:2:5: sku: must be 1 to 64 of A-Z a-z 0-9 . _ -\n"},
      {"m,M,A,\"a\nb\",1,1\n",
       "f.csv:2:7: name: must be 1 to 200 bytes, printable and not blank\n"},
      {"m,M,A,Apple,1.234,1\n",
       "f.csv:2:13: unit_price: '1.234' is not an amount of EUR: digits, and behind a point at "
       "most "
       "2\n"},
      {"m,M,A,Apple,0,1\n", "f.csv:2:13: unit_price: must be from 0.01 to 1000000.00\n"},
      {"m,M,A,Apple,1000000.01,1\n", "f.csv:2:13: unit_price: must be from 0.01 to 1000000.00\n"},
      {"m,M,A,Apple,1,-1\n",
       "f.csv:2:15: offered: must be a whole number from 0 to 1000000000000\n"},
      {"m,M,A,Apple,1,1e3\n",
       "f.csv:2:15: offered: must be a whole number from 0 to 1000000000000\n"},
      {"m,M,A,Apple,1,9999999999999\n",
       "f.csv:2:15: offered: must be a whole number from 0 to 1000000000000\n"},
      {"m,M,A,Apple,1000000,1000001\n",
       "f.csv:2:21: offered: must be a whole number from 0 to 1000000, at a price of 1000000.00\n"},
      {"m,M,A,Apple,1,1\nn,N,A,Apple,1,1\nm,M,A,Pear,2,2\n", "f.csv:4:5: sku: repeated offer: A\n"},
      {"m,M,A,Apple,1,1\nm,N,B,Pear,1,1\n",
       "f.csv:3:3: manufacturer_name: another name than before: M\n"},
      {"m,M,A,Apple,x,y\nm,M,\n",
       "f.csv:2:13: unit_price: 'x' is not an amount of EUR: digits, and behind a point at most 2\n"
       "f.csv:2:15: offered: must be a whole number from 0 to 1000000000000\n"
       "f.csv:3:1: 3 fields where the header has 6\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(errors(c.rows), c.errors) << c.rows;
  EXPECT_EQ(errors("m,M,A,Apple,1,1\n"), "");
}

TEST_F(CatalogueTest, ReadsTheAgentsFile) {
  const AgentFile agent = read_agent_file(file("m.yml", "id: m1\nname: First\ncatalogue: m.csv\n"));
  EXPECT_EQ(agent.id, "m1");
  EXPECT_EQ(agent.name, "First");
  EXPECT_EQ(agent.catalogue, folder_ + "/m.csv");
  for (const char* bad : {"id: m 1\nname: F\ncatalogue: c\n", "id: m\ncatalogue: c\n",
                          "id: m\nname: F\n", "id: m\nname: F\ncatalogue: c\ncolour: red\n"}) {
    EXPECT_THROW(read_agent_file(file("m.yml", bad)), StartupError) << bad;
  }
}

TEST_F(CatalogueTest, ReadsProductionLinesAndNamesWhatIsWrongWithOneAtItsPlace) {
  file("m.csv", "sku,name,unit_price,offered\nA,Apple,1,1\nB,Pear,1,1\n");
  const auto read = [this](const std::string& production) {
    const AgentFile agent = read_agent_file(
        file("m.yml", "id: m\nname: M\ncatalogue: m.csv\nproduction:\n" + production));
    read_offers(agent, {});
    return agent.production;
  };
  const auto lines = read(
      "  - {sku: A, batch: 12, every: 90s, pause_at: 120}\n"
      "  - {sku: B, batch: 1, every: 100ms}\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].sku, "A");
  EXPECT_EQ(lines[0].batch, 12);
  EXPECT_EQ(lines[0].every, std::chrono::seconds(90));
  EXPECT_EQ(lines[0].pause_at, 120);
  EXPECT_EQ(lines[1].pause_at, 0);

  const std::pair<const char*, const char*> cases[] = {
      {"  - {sku: A, batch: 0, every: 9s}\n",
       ":5:21: production[0].batch: must be a number from 1 to 1000000"},
      {"  - {sku: A, batch: 1, every: 9}\n",
       ":5:31: production[0].every: must be a duration such as 250ms, 5s, 15m, 24h or 14d, from "
       "100ms to 31d"},
      {"  - {sku: A, batch: 1}\n", ":5:5: production[0].every: is missing"},
      {"  - {sku: A, batch: 1, every: 9s, pause_at: 0}\n",
       ":5:45: production[0].pause_at: must be a number from 1 to 1000000000000"},
      {"  - {sku: A, batch: 1, every: 9s}\n  - {sku: A, batch: 1, every: 9s}\n",
       ":6:11: production[1].sku: has a line already"},
      {"  - {sku: C, batch: 1, every: 9s}\n", ":5:5: production: no sku 'C' in "},
  };
  for (const auto& [production, error] : cases) {
    try {
      read(production);
      ADD_FAILURE() << production;
    } catch (const StartupError& thrown) {
      EXPECT_EQ(thrown.exit_code(), kExitConfig);
      EXPECT_TRUE(std::string(thrown.what()).starts_with(folder_ + "/m.yml" + error))
          << thrown.what();
    }
  }
}

TEST_F(CatalogueTest, OffersMayStandInTheAgentsFile) {
  const std::string head = "id: m1\nname: First\n";
  const auto offers = [&](const std::string& rows, const std::string& more = "") {
    return read_offers(read_agent_file(file("m.yml", head + more + "offers:\n" + rows)), {});
  };
  const auto rows = offers(
      "  - {sku: A-1, name: \"Board, oak\", unit_price: 39.00, offered: 120}\n"
      "  - {sku: B, name: Tray, unit_price: 0.5, offered: 0}\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].sku, "A-1");
  EXPECT_EQ(rows[0].name, "Board, oak");
  EXPECT_EQ(rows[0].unit_price, 3'900);
  EXPECT_EQ(rows[0].offered, 120);
  EXPECT_EQ(rows[1].unit_price, 50);

  const std::string good = "  - {sku: A, name: N, unit_price: 1, offered: 1}\n";
  const std::pair<std::string, std::string> cases[] = {
      {good + good, ":5:11: offers[1].sku: is there twice"},
      {"  - {sku: A, name: N, unit_price: 1}\n", ":4:5: offers[0].offered: is missing"},
      {"  - {sku: A, name: N, unit_price: 1, offered: -1}\n", "offers[0].offered: must be"},
      {"  - {sku: A, name: N, unit_price: 1.005, offered: 1}\n",
       ":4:5: offers: unit_price: '1.005' is not an amount of EUR"},
      {"  - {sku: A, name: N, unit_price: 0, offered: 1}\n",
       ":4:5: offers: unit_price: must be from 0.01"},
      {good + "production:\n  - {sku: B, batch: 1, every: 9s}\n",
       ":6:5: production: no sku 'B' in " + folder_ + "/m.yml"},
      {good + "catalogue: m.csv\n", "one of catalogue (a CSV file) and offers is needed"},
      {"catalogue: \"\"\n", "one of catalogue (a CSV file) and offers is needed"},
  };
  for (const auto& [text, error] : cases) {
    try {
      offers(text);
      ADD_FAILURE() << text;
    } catch (const StartupError& thrown) {
      EXPECT_EQ(thrown.exit_code(), kExitConfig);
      EXPECT_NE(std::string(thrown.what()).find(error), std::string::npos) << thrown.what();
    }
  }
}

TEST_F(CatalogueTest, SalesAreAcceptedAfterAWhileOrByCommandAlone) {
  const auto after = [this](const std::string& line) {
    return read_agent_file(file("m.yml", "id: m\nname: M\ncatalogue: c.csv\n" + line)).accept_after;
  };
  EXPECT_EQ(after(""), std::chrono::minutes(15));
  EXPECT_EQ(after("accept_after: 30s\n"), std::chrono::seconds(30));
  EXPECT_EQ(after("accept_after: never\n"), std::nullopt);
  for (const char* bad : {"30", "soon", "400d", ""}) {
    EXPECT_THROW(after(std::string("accept_after: ") + bad + "\n"), StartupError) << bad;
  }
}

TEST_F(CatalogueTest, AFeeIsAPercentage) {
  const auto rate = [this](const std::string& line) {
    return read_agent_file(file("m.yml", "id: m\nname: M\ncatalogue: c.csv\n" + line)).fee_rate;
  };
  EXPECT_EQ(rate(""), std::nullopt);
  EXPECT_EQ(rate("fee_percent: 0\n"), 0);
  EXPECT_EQ(rate("fee_percent: 2.5\n"), 250);
  EXPECT_EQ(rate("fee_percent: 100\n"), 10'000);
  for (const char* bad : {"100.01", "-1", "2.505", "none"}) {
    EXPECT_THROW(rate(std::string("fee_percent: ") + bad + "\n"), StartupError) << bad;
  }
}

TEST_F(CatalogueTest, MissingFileIsNamed) {
  EXPECT_THROW(read_offers(folder_ + "/none.csv", {}), StartupError);
}

}  // namespace
}  // namespace depot::manufacturer
